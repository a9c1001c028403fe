// SPDX-License-Identifier: Apache-2.0
// The annotation page's questions and answers; see annotate_desk.hpp.
#include "annotate_desk.hpp"

namespace tool {

using namespace svad;

namespace {

io::Json clip_json(const AnnotatedClip& clip) {
    return io::object({{"id", clip.id}, {"video", clip.video}, {"start", clip.start}, {"end", clip.end},
                       {"category", clip.category}, {"split", clip.split}, {"type", media_type(clip.video)}});
}

data::Revision revision_from_json(const io::Json& request) {
    data::Revision r;
    r.id = io::field<std::string>(request, "id", "save");
    r.user = io::field<std::string>(request, "user", "save");
    r.description = io::field<std::string>(request, "description", "save");
    r.status = io::field<std::string>(request, "status", "save");
    r.note = io::field<std::string>(request, "note", "save");
    r.keywords = data::keywords_from_json(io::field<io::Json>(request, "keywords", "save"));
    return r;
}

DeskAnswer refused(int status, const std::string& why, const io::Json& annotation = {}) {
    return {status, io::dump(io::object({{"error", why}, {"annotation", annotation}}))};
}

}  // namespace

AnnotationDesk::AnnotationDesk(std::vector<AnnotatedClip> clips, const std::string& path)
    : clips_(std::move(clips)), store_(path), changed_(clips_.size()) {
    for (std::size_t i = 0; i < clips_.size(); ++i) number_[clips_[i].id] = i;
}

void AnnotationDesk::refresh() {
    const std::vector<std::string> ids = store_.refresh();
    if (ids.empty()) return;
    ++revision_;
    for (const std::string& id : ids)
        if (const auto it = number_.find(id); it != number_.end()) changed_[it->second] = revision_;
}

/// The annotation with its version; a clip without one has the version "".
io::Json AnnotationDesk::shown(const std::string& id) const {
    const data::ClipAnnotation* const a = store_.find(id);
    if (!a) return io::object({{"id", id}, {"version", ""}});
    io::Json out = data::to_json(*a);
    out["version"] = data::version_of(*a);
    return out;
}

std::string AnnotationDesk::all() {
    const std::lock_guard lock(mutex_);
    refresh();
    std::string out = join("{\"revision\":", revision_, ",\"clips\":[");   // as text: a document of all clips is twenty times its size
    for (std::size_t i = 0; i < clips_.size(); ++i) {
        io::Json one = clip_json(clips_[i]);
        one["annotation"] = shown(clips_[i].id);
        if (i > 0) out += ',';
        out += io::dump(one);
    }
    return out + "]}";
}

std::string AnnotationDesk::changes(std::uint64_t since) {
    const std::lock_guard lock(mutex_);
    refresh();
    io::Json list = io::Json::array();
    for (std::size_t i = 0; i < clips_.size(); ++i)
        if (changed_[i] > since) list.push_back(shown(clips_[i].id));
    return io::dump(io::object({{"revision", revision_}, {"annotations", std::move(list)}}));
}

DeskAnswer AnnotationDesk::save(const std::string& request) {
    const std::lock_guard lock(mutex_);
    data::Revision revision;
    std::string version;
    try {
        const io::Json json = io::parse_json(request, "save", {.max_bytes = 1 << 20, .max_depth = 8});
        revision = revision_from_json(json);
        version = io::field<std::string>(json, "version", "save");
    } catch (const io::FormatError& e) {
        return refused(400, e.what());
    }
    const auto number = number_.find(revision.id);
    if (number == number_.end()) return refused(404, "there is no clip of this id");
    refresh();
    if (!store_.is_current(revision.id, version))
        return refused(409, "somebody else saved this clip meanwhile", shown(revision.id));
    try {
        store_.put(data::revised(store_.find(revision.id), revision));
    } catch (const io::FormatError& e) {
        return refused(422, e.what());
    }
    changed_[number->second] = ++revision_;
    return {200, io::dump(io::object({{"annotation", shown(revision.id)}}))};
}

}  // namespace tool
