// SPDX-License-Identifier: Apache-2.0
// Single-byte code pages: what the bytes 0x80 to 0xFF mean in the encodings that text is most often misread in.
// Unassigned bytes of the Windows pages stand for the control character of their number, as web browsers read them.
// Source: the Unicode Consortium's mapping tables. Rejected: iconv (what it knows depends on the system).
#pragma once

#include <array>
#include <string_view>

namespace svad::text {

// Each has 128 characters, that of byte 0x80 first.
inline constexpr std::u16string_view windows_1252{
    u"€\u0081‚ƒ„…†‡\u02C6‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—\u02DC™š›œ\u009DžŸ\u00A0¡¢£¤¥¦§¨©ª«"
    u"¬\u00AD®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùú"
    u"ûüýþÿ"};
inline constexpr std::u16string_view windows_1251{
    u"ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u0098™љ›њќћџ\u00A0ЎўЈ¤Ґ¦§Ё©Є«¬\u00AD®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГД"
    u"ЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя"};
inline constexpr std::u16string_view windows_1250{
    u"€\u0081‚\u0083„…†‡\u0088‰Š‹ŚŤŽŹ\u0090‘’“”•–—\u0098™š›śťžź\u00A0\u02C7\u02D8Ł¤Ą¦§¨©Ş«"
    u"¬\u00AD®Ż°±\u02DBł´µ¶·¸ąş»Ľ\u02DDľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđ"
    u"ńňóôőö÷řůúűüýţ\u02D9"};
inline constexpr std::u16string_view windows_1253{
    u"€\u0081‚ƒ„…†‡\u0088‰\u008A‹\u008C\u008D\u008E\u008F\u0090‘’“”•–—\u0098™\u009A›\u009C"
    u"\u009D\u009E\u009F\u00A0΅Ά£¤¥¦§¨©ª«¬\u00AD®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧ"
    u"ΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ"};
inline constexpr std::u16string_view windows_1254{
    u"€\u0081‚ƒ„…†‡\u02C6‰Š‹Œ\u008D\u008E\u008F\u0090‘’“”•–—\u02DC™š›œ\u009D\u009EŸ\u00A0¡"
    u"¢£¤¥¦§¨©ª«¬\u00AD®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğ"
    u"ñòóôõö÷øùúûüışÿ"};
inline constexpr std::u16string_view windows_1257{
    u"€\u0081‚\u0083„…†‡\u0088‰\u008A‹\u008C¨\u02C7¸\u0090‘’“”•–—\u0098™\u009A›\u009C¯"
    u"\u02DB\u009F\u00A0¡¢£¤¥¦§Ø©Ŗ«¬\u00AD®Æ°±²³´µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻ"
    u"Žßąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž\u02D9"};
inline constexpr std::u16string_view iso_8859_2{
    u"\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008A\u008B\u008C\u008D"
    u"\u008E\u008F\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009A\u009B"
    u"\u009C\u009D\u009E\u009F\u00A0Ą\u02D8Ł¤ĽŚ§¨ŠŞŤŹ\u00ADŽŻ°ą\u02DBł´ľś\u02C7¸šşťź\u02DD"
    u"žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ\u02D9"};
inline constexpr std::u16string_view mac_roman{
    u"ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u00A0ÀÃÕŒ"
    u"œ–—“”‘’÷◊ÿŸ⁄€‹›\uFB01\uFB02‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uF8FFÒÚÛÙı\u02C6\u02DC¯\u02D8\u02D9"
    u"\u02DA¸\u02DD\u02DB\u02C7"};
inline constexpr std::u16string_view cp437{
    u"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙"
    u"╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00A0"};

/// A single-byte encoding that text may have been misread in.
struct CodePage {
    std::u16string_view high;   ///< characters of bytes 0x80 to 0xFF; empty for Latin-1, where byte and character agree
    bool windows = false;       ///< U+FFFD may stand in it for a byte that was lost
    bool mac = false;           ///< a dash before a blank is common in it
};

/// The code pages in the order in which a repair tries them, the likeliest first.
inline constexpr std::array<CodePage, 10> code_pages{{
    {}, {windows_1252, true}, {windows_1251, true}, {windows_1250, true}, {windows_1253, true}, {windows_1254, true},
    {windows_1257, true}, {iso_8859_2}, {mac_roman, false, true}, {cp437},
}};

}  // namespace svad::text
