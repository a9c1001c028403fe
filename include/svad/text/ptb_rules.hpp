// SPDX-License-Identifier: Apache-2.0
// The table of the PTB tokenizer: definitions, and rules in order of precedence (the longest match wins, the first rule
// on a tie; a context counts towards the length). Written from the documented behaviour of PTBTokenizer 3.4.1 and its
// outputs; syntax in pattern.hpp. A change here is checked against thousands of lines of that program's output.
// Rejected: hand-written branches per character (the quirks come from longest match, and would have to be found anew).
#pragma once

#include "svad/text/pattern.hpp"

#include <map>
#include <string>
#include <vector>

namespace svad::text {

/// What becomes of a match.
enum class Ptb {
    word, raw, brackets, joined, open_quote, close_quote, open_double, close_double, quotes, dash, hyphens, ellipsis,
    bracket, entity, fraction, currency, skip, abbreviation, split_last_two, split_last_three, split_first_two
};

namespace detail {

inline const std::map<std::u32string, std::u32string>& ptb_definitions() {
    static const std::map<std::u32string, std::u32string> all{
        {U"SP", U"[ \t\u00A0\u2000-\u200A\u3000]"},
        {U"L", U"\\l|&[aeiouAEIOU](acute|grave|uml);"},
        {U"LD", U"{L}|\\d"},
        {U"APOS", U"['\u0092\u2019]|&apos;"},
        {U"TICK", U"{APOS}|[`\u0091\u2018\u201B]"},
        {U"THING", U"({LD}|[dDoOlL]{TICK}{LD}{LD}){LD}*([\\-_\u058A\u2010\u2011]([dDoOlL]{TICK}{LD})?{LD}+)*"},
        {U"INITIALS", U"[A-Z]+(([+&]|&amp;)[A-Z]+)+"},
        {U"HYPHENED", U"[A-Za-z0-9][A-Za-z0-9.,\u00AD]*(-([A-Za-z0-9\u00AD]+|[A-Za-z](\\.[A-Za-z])+\\.))+"},
        {U"WORD", U"{L}{LD}*([.!?]{L}{LD}*)*"},
        {U"NUM", U"\\d+|\\d*([.:,\u00AD\u066B\u066C]\\d+)+"},
        {U"FRAC", U"(\\d{1,4}[\\- \u00A0])?\\d{1,4}(\\\\?/|\u2044)\\d{1,4}"},
        {U"ACRO", U"[A-Za-z](\\.[A-Za-z])*"},
        {U"URLCHAR", U"[^ \t\n\r\"<>|(){}\u00A0]"},
        {U"URLEND", U"[^ \t\n\r\"<>|.!?(){},\\-\u00A0]"},
        {U"HOSTPART", U"[^ \t\n\r\"`'<>|.!?(){},-_$\u00A0]"},   // , to _ is a range there too: no digit, no capital
        {U"EMAIL", U"[a-zA-Z0-9][^ \t\n\r\"<>|()\u00A0{}]*@([^ \t\n\r\"<>|(){}.\u00A0]+\\.)*[^ \t\n\r\"<>|(){}.\u00A0]+"},
        {U"STARTER", U"[A]|[A]bout|[A]ccording|[A]dditionally|[A]fter|[A]n|[A]s|[A]t|[B]ut|[E]arlier|[H]e|"
                     U"[H]er|[H]ere|[H]owever|[I]f|[I]n|[I]t|[L]ast|[M]any|[M]ore|[M]r\\.|[M]s\\.|[N]ow|"
                     U"[O]nce|[O]ne|[O]ther|[O]ur|[S]he|[S]ince|[S]o|[S]ome|[S]uch|[T]hat|[T]he|[T]heir|"
                     U"[T]hen|[T]here|[T]hese|[T]hey|[T]his|[W]e|[W]hen|[W]hile|[W]hat|[Y]et|[Y]ou"},   // capitals only
        {U"TAG", U"<([!?][A-Za-z\\-][^>\r\n]*|/?[A-Za-z][A-Za-z0-9_:.\\-]*"
                 U"( +([A-Za-z][A-Za-z0-9_:.\\-]*( *= *['\"][^\r\n'\"]*['\"])?|/))*"
                 U" */?) *>"},
        {U"MONTH", U"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"},
        {U"DAY", U"Mon|Tues?|Wed|Thu|Thurs|Fri"},
        {U"STATE", U"Ala|Ariz|[A]z|[A]rk|Calif|Colo|Conn|Ct|Dak|[D]el|Fla|Ga|[I]ll|Ind|Kans?|Ky|[L]a|[M]ass|Md|Mich|Minn|[M]iss|"
                   U"Mo|Mont|Neb|Nev|Okla|[O]re|[P]a|Penn|Tenn|[T]ex|Va|Vt|[W]ash|Wisc?|Wyo"},
        {U"COMPANY", U"Inc|Cos?|Corp|Pp?t[ye]s?|Ltd|Plc|Bancorp|Bhd|Assn|Univ|Intl|Sys|LTD"},
        {U"AFTERNAME", U"Jr|Sr|Rt|Bros|(Ed|Ph)\\.D|Blvd|Rd|Esq"},
        {U"ENDING", U"{MONTH}|{DAY}|{STATE}|{COMPANY}|tel|est|ext|sq|bldg|{AFTERNAME}|etc|al|seq"},
        {U"TITLE", U"Mr|Mrs|Ms|[M]iss|Drs?|Profs?|Sens?|Reps?|Attys?|Lt|Col|Gen|Messrs|Govs?|Adm|Rev|Maj|Sgt|Cpl|Pvt|Capt|"
                   U"Ste?|Ave|Pres|Lieut|Hon|Brig|Co?mdr|Pfc|Spc|Supts?|Det|Mt|Ft|Adj|Adv|Asst|Assoc|Ens|Insp|Mlle|Mme|"
                   U"Msgr|Sfc"},
        {U"INNER", U"{TITLE}|Ph|vs|Alex|Wm|Jos|Cie|cf|TREAS|{ACRO}|Dept|Invt|Elec|Natl|M[ft]g"},
    };
    return all;
}

/// Words: contractions, abbreviations, names, addresses.
inline void add_word_rules(std::vector<PatternRule>& rules) {
    const auto add = [&](std::u32string_view pattern, Ptb action = Ptb::word, std::u32string_view context = {}) {
        rules.push_back({pattern, context, static_cast<int>(action)});
    };
    add(U"[cC][aA][nN][nN][oO][tT]", Ptb::split_last_three);
    add(U"[gG][oO][nN][nN][aA]|[gG][oO][tT][tT][aA]|[lL][eE][mM][mM][eE]|[gG][iI][mM][mM][eE]|[wW][aA][nN][nN][aA]",
        Ptb::split_last_two);
    add(U"{APOS}t(is|was)", Ptb::split_first_two);
    add(U"{WORD}", Ptb::word, U"{APOS}([msdMSD]|re|ve|ll)");
    add(U"[A-Za-z]+", Ptb::word, U"[nN]{APOS}[tT]");
    add(U"{APOS}([msdMSD]|re|ve|ll)", Ptb::word, U"[^A-Za-z]");
    add(U"[nN]{APOS}[tT]", Ptb::word, U"[^A-Za-z]");
    add(U"{WORD}");
    add(U"({WORD}|{THING}|{HYPHENED}|{INITIALS})\\.", Ptb::word, U"[,;:]");
    add(U"\\d+{LD}*{L}{LD}*");
    add(U"{LD}+(_{LD}+)+");
    add(U"https?://{URLCHAR}+{URLEND}", Ptb::raw);
    add(U"www\\.([^ \t\n\r\"<>|.!?(){},\u00A0]+\\.)+[a-zA-Z]{2,4}(/{URLCHAR}+{URLEND})?", Ptb::raw);
    add(U"({HOSTPART}+\\.)+(com|net|org|edu)(/{URLCHAR}+{URLEND})?", Ptb::raw);
    add(U"<?[a-zA-Z0-9][^ \t\n\r\"<>|()\u00A0{}]*@([^ \t\n\r\"<>|(){}.\u00A0]+\\.)*[^ \t\n\r\"<>|(){}.\u00A0]+>?", Ptb::raw);
    add(U"@[a-zA-Z_][a-zA-Z_0-9]*|#{L}+");
    add(U"{APOS}n{APOS}?", Ptb::raw);
    add(U"{THING}");
    add(U"[qQ]u{APOS}{L}+|[cC]{APOS}(mon|est)|[eE]{APOS}er|[lLdDjJ]{APOS}|"
        U"Dunkin{APOS}|somethin{APOS}|ol{APOS}|{APOS}em|{APOS}till?|{APOS}[cC]ause|cont{APOS}d\\.?|nor{APOS}easter|"
        U"s{APOS}mores|ev{APOS}ry|li{APOS}l|nat{APOS}l");
    add(U"[A-HJ-XZn]{TICK}\\l\\l+|\\l+[aeiouyAEIOUY]{TICK}[aeiouA-Z]\\l*");
    add(U"[yY]{APOS}", Ptb::raw, U"{L}");
    add(U"{APOS}\\d\\d", Ptb::raw, U"{SP}|\n");
    add(U"{APOS}[1-9]0s");
    add(U"({ENDING})\\.", Ptb::abbreviation, U"({SP}|\n)({SP}|\n|\\u|{TAG})");
    add(U"({ENDING})\\.", Ptb::word, U"[^\u0001][^\u0001]");
    add(U"({ENDING})\\.", Ptb::abbreviation);   // at the end of the input
    add(U"{HYPHENED}|{L}+(-{LD}+)+");
    add(U"[A-Za-z0-9]+(-[A-Za-z]+){0,2}(\\\\?/[A-Za-z0-9]+(-[A-Za-z]+){0,2}){1,2}");
    add(U"{INITIALS}");
    add(U"C\\+\\+|C#");
    add(U"[A-Za-z](\\.[A-Za-z])+\\.", Ptb::abbreviation, U"({SP}|\n)({STARTER}|{TAG})({SP}|\n)");
    add(U"[A-Za-z]", Ptb::word, U"\\.({SP}|\n)({STARTER}|{TAG})({SP}|\n)");
    add(U"({INNER}|a\\.k\\.a)\\.");
    add(U"({LD}+\\.)*{LD}+\\.(bat|bmp|c|class|cgi|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|"
        U"ps|py|sql|tar|txt|wav|x|xml|zip)", Ptb::word, U"{SP}|[\n.?!,]");
    add(U"(ca|figs?|Figs?|prop|[Nn]os?|art|bldg|pp|op)\\.", Ptb::word, U"{SP}?\\d");
}

/// Numbers, money, dates, telephone numbers.
inline void add_number_rules(std::vector<PatternRule>& rules) {
    const auto add = [&](std::u32string_view pattern, Ptb action = Ptb::word, std::u32string_view context = {}) {
        rules.push_back({pattern, context, static_cast<int>(action)});
    };
    add(U"[+\\-]?({NUM})", Ptb::brackets);
    add(U"\\d{1,2}[\\-/]\\d{1,2}[\\-/]\\d{2,4}");
    add(U"{FRAC}", Ptb::joined);
    add(U"[\u00BC\u00BD\u00BE\u2153-\u215E]", Ptb::fraction);
    add(U"(\\(\\d{2,3}\\)[ \u00A0]?|(\\+\\+?)?(\\d{2,4}[\\- \u00A0])?\\d{2,4}[\\- \u00A0])\\d{3,4}[\\- \u00A0]?\\d{3,5}|"
        U"((\\+\\+?)?\\d{2,4}\\.)?\\d{2,4}\\.\\d{3,4}\\.\\d{3,5}", Ptb::brackets);
    add(U"[A-Z]*$|#+");
    add(U"[\u00A2\u00A3\u00A4\u00A5\u0080\u20A0\u20AC\u060B\u0E3F\u20A4\uFFE0\uFFE1\uFFE5\uFFE6]", Ptb::currency);
}

/// Quotes, brackets, dashes, faces, tags and everything that is one character.
inline void add_symbol_rules(std::vector<PatternRule>& rules) {
    const auto add = [&](std::u32string_view pattern, Ptb action = Ptb::word, std::u32string_view context = {}) {
        rules.push_back({pattern, context, static_cast<int>(action)});
    };
    add(U"{TAG}", Ptb::joined);
    add(U"&(amp|lt|gt|quot|apos);", Ptb::entity);
    add(U"&(MD|mdash|ndash);", Ptb::dash);
    add(U"&(#\\d+|UR);");
    add(U"&nbsp;|{SP}+|\n", Ptb::skip);
    add(U"[<>]?[:;=]['\\-o*]?[()DPdpO\\\\{@|\\[\\]]", Ptb::brackets, U"[^A-Za-z0-9]");
    add(U"[\\^x=~<>]\\.\\[\\^x=~<>]|[\\-\\^x=~<>']_[\\-\\^x=~<>']|\\([\\-\\^x=~<>'][_.]?[\\-\\^x=~<>']\\)", Ptb::brackets);
    add(U"\"|''", Ptb::close_double);
    add(U"\"|&quot;", Ptb::open_double, U"[A-Za-z0-9$]");
    add(U"[`\u2018-\u201F\u2039\u203A\u00AB\u00BB\u0091-\u0094]{1,2}", Ptb::quotes);
    add(U"'", Ptb::open_quote, U"[A-Za-z][^ \t\n\r\u00A0]");
    add(U"{APOS}([msdMSD]|re|ve|ll)");   // behind the opening quote, which has the same length
    add(U"{APOS}", Ptb::close_quote);
    add(U"-+", Ptb::hyphens);
    add(U"[\u2013\u2014\u2015\u0096\u0097]", Ptb::dash);
    add(U"\\.{3,5}|(\\.[ \u00A0]){2,4}\\.|[\u0085\u2026]", Ptb::ellipsis);
    add(U"-(LRB|RRB|LSB|RSB|LCB|RCB)-");
    add(U"[()\\[\\]\\{\\}]", Ptb::bracket);
    add(U"[?!]+|<<|>>|\\*+|(\\\\\\*)+|_+|@+");
    add(U"[.,;:/\\\\+%&~\\^|<>=@]");
    add(U"[\u00A1-\u00AC\u00AE-\u00BF\u00D7\u00F7\u02CB\u0300-\u036F]");
    add(U"[\u2010\u2011\u2016\u2017\u2020-\u2025\u2027\u2030-\u2038\u203B-\u2043\u2045-\u205E\u2100-\u214F\u2190-\u27BF]");
    add(U"[\u037E\u0387\u055A-\u055F\u0589\u05BE\u060C\u061B\u061F\u066A-\u066D\u0964\u0965\u0E4F]");
    add(U"[\u2900-\u2BFF\u3001-\u3003\u3008\u3009\u300C-\u301F\u30FB\uFE30-\uFE6F"
        U"\uFF01-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65]");
}

inline const std::vector<PatternRule>& ptb_rules() {
    static const std::vector<PatternRule> all = [] {
        std::vector<PatternRule> rules;
        add_word_rules(rules);
        add_number_rules(rules);
        add_symbol_rules(rules);
        return rules;
    }();
    return all;
}

}  // namespace detail
}  // namespace svad::text
