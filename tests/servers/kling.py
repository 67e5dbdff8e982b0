"""
Kling's own API on loopback, both generations of it.

By the vendor's pages (September 2026): paths, fields and limits of the new standard, `options` and
`GET /tasks`, `POST /tasks`; avatar, face detection and lip-sync in the legacy shape; error codes;
the concurrency limit; prices in units. From somebody's real calls: `SUCCEED` as message, a JWT
refused by new paths with 1002, a second use of an external id refused with 1201 and no second task
(new standard), unknown external ids giving an empty list (new) or 1201 (legacy), legacy tasks
listed by `GET /tasks`, at most 20 ids, the text of a content refusal. From copies of the legacy
documents: text2video and image2video with `negative_prompt`, `cfg_scale`, `image_tail` and `mode`.

Nobody knows, so the harder way is taken here: legacy creations with an external id that exists make
a second task; failed tasks are billed nothing; while a task runs `outputs` is missing at one look
and empty at the next.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from assembler.generation.animatic.recipe import Recipe, ShotRecipe
from assembler.media.probe import probe
from tests.servers.kit import Call, Fault, Job, Platform, RefusedError, Reply, route

RISK = "Failure to pass the risk control system"
_FIRST_ID = 931200417730465801
_SIZES = {
    "720p": {"16:9": (1280, 720), "9:16": (720, 1280), "1:1": (960, 960)},
    "1080p": {"16:9": (1920, 1080), "9:16": (1080, 1920), "1:1": (1440, 1440)},
    "4k": {"16:9": (3840, 2160), "9:16": (2160, 3840), "1:1": (2880, 2880)},
}
_SHORT, _LONG = tuple(range(3, 16)), (5, 10)
_MODELS: dict[str, dict[str, Any]] = {
    # resolutions, durations, words, what there is in `settings` besides
    "kling-3.0": {"res": ("720p", "1080p", "4k"), "s": _SHORT, "words": 3072,
                  "more": ("multi_shot", "audio"), "elements": 3, "last": True},
    "kling-3.0-turbo": {"res": ("720p", "1080p"), "s": _SHORT, "words": 3072, "more": ()},
    "kling-2.6": {"res": ("720p", "1080p"), "s": _LONG, "words": 2500, "more": ("audio",),
                  "voices": 2, "last": True},
    "kling-2.5-turbo": {"res": ("720p", "1080p"), "s": _LONG, "words": 2500, "more": (),
                        "last": True},
}  # fmt: skip
_UNITS = {  # per second: silent and with sound
    ("kling-3.0", "720p"): ("0.6", "0.9"), ("kling-3.0", "1080p"): ("0.8", "1.2"),
    ("kling-3.0", "4k"): ("3.0", "3.0"), ("kling-3.0-turbo", "720p"): ("0.8", "0.8"),
    ("kling-3.0-turbo", "1080p"): ("1.0", "1.0"), ("kling-3.0-omni", "720p"): ("0.6", "0.8"),
    ("kling-3.0-omni", "1080p"): ("0.8", "1.0"), ("kling-3.0-omni", "4k"): ("3.0", "3.0"),
    ("kling-o1", "720p"): ("0.6", "0.6"), ("kling-o1", "1080p"): ("0.8", "0.8"),
    ("kling-2.6", "720p"): ("0.3", "0.3"), ("kling-2.6", "1080p"): ("0.5", "1.0"),
    ("kling-2.5-turbo", "720p"): ("0.3", "0.3"), ("kling-2.5-turbo", "1080p"): ("0.5", "0.5"),
}  # fmt: skip
_VIDEO_IN = {"720p": "0.9", "1080p": "1.2", "4k": "3.0"}
_MOTION = {
    "kling-3.0": {"720p": "0.9", "1080p": "1.2"},
    "kling-2.6": {"720p": "0.5", "1080p": "0.8"},
}
_LEGACY = {  # model_name -> i2v, t2v, modes, cfg_scale, image_tail in mode
    "kling-v1-6": (True, True, ("std", "pro"), True, "pro"),
    "kling-v2-master": (True, True, (), False, None),
    "kling-v2-1": (True, False, ("std", "pro"), False, "pro"),
    "kling-v2-1-master": (True, True, (), False, None),
}
_CODES: Mapping[str, tuple[int, int, str]] = {
    "throttle": (429, 1303, "parallel task over resource pack limit"),
    "balance": (429, 1102, "Account balance not enough"),
    "error_before": (503, 5001, "Server temporarily unavailable"),
    "error_after": (500, 5000, "Internal server error"),
}
VOICES = ("oversea_male1", "chat1_female_new-3")
_TTS = "audio/tts"
_SHOT = re.compile(r"shot (\d+), (\d+), ([^;]*);")


def _heard(words: str, seconds: Fraction, *, spoken: bool = False) -> Recipe:
    return Recipe("", (2, 2), Fraction(24), (ShotRecipe(words, 1),), 7, heard_s=seconds,
                  spoken=spoken)  # fmt: skip


class Kling(Platform):
    """Both generations of the API, for one account."""

    name = "kling"
    access = "access-key-1"
    secret = "secret-key-1"

    # -- video, new standard -----------------------------------------------------------------

    @route("POST", "/text-to-video/{model}", stage="submit")
    def text_to_video(self, call: Call, model: str) -> Reply:
        self._authorize(call)
        facts = self._model(model)
        body = _object(call.json, {"prompt"}, {"settings", "options"})
        prompt = _text(body, "prompt", facts["words"])
        settings = self._settings(body, facts, {"aspect_ratio"})
        _check(settings["aspect_ratio"] in _SIZES["720p"], "aspect_ratio is invalid")
        self._check_sound(model, settings)
        size = _SIZES[settings["resolution"]][settings["aspect_ratio"]]
        clip = self._recipe(prompt, settings, size=size)
        return self._made(call, body, model, settings, clip)

    @route("POST", "/image-to-video/{model}", stage="submit")
    def image_to_video(self, call: Call, model: str) -> Reply:
        self._authorize(call)
        facts = self._model(model)
        body = _object(call.json, {"contents"}, {"settings", "options"})
        found = _contents(body, {"prompt", "first_frame", "last_frame", "element", "voice"})
        _check(len(found["first_frame"]) == 1, "first_frame is required, once")
        settings = self._settings(body, facts, set())
        last = found["last_frame"]
        _check(not last or bool(facts.get("last")), f"{model} does not support last_frame")
        if last and model != "kling-3.0":
            _check(settings["resolution"] == "1080p", "last_frame requires 1080p")
            _check(settings["audio"] == "off", "last_frame requires audio off")
        _check(len(found["element"]) <= facts.get("elements", 0), "too many elements")
        _check(len(found["voice"]) <= facts.get("voices", 0), "too many voices")
        _check(not found["voice"] or settings["audio"] == "native", "voice requires native audio")
        self._check_sound(model, settings)
        words = 2500 if model == "kling-3.0-turbo" else facts["words"]
        prompt = _prompt_of(found, words)
        clip = self._recipe(
            prompt, settings, start=self._image(found["first_frame"][0]),
            end=self._image(last[0]) if last else None,
        )  # fmt: skip
        return self._made(call, body, model, settings, clip)

    @route("POST", "/omni-video/{model}", stage="submit")
    def omni_video(self, call: Call, model: str) -> Reply:
        self._authorize(call)
        _check(model in ("kling-3.0-omni", "kling-o1"), f"model {model} does not exist", 404, 1203)
        o1 = model == "kling-o1"
        body = _object(call.json, {"contents"}, {"settings", "options"})
        kinds = {"prompt", "first_frame", "last_frame", "refer_image", "feature_video",
                 "base_video", "element"}  # fmt: skip
        found = _contents(body, kinds)
        base, feature = found["base_video"], found["feature_video"]
        _check(len(base) + len(feature) <= 1, "at most one reference video")
        first, last = found["first_frame"], found["last_frame"]
        _check(len(first) <= 1 and len(last) <= 1, "at most one first_frame and one last_frame")
        _check(not last or bool(first), "last_frame requires first_frame")
        facts = {"res": ("720p", "1080p") if o1 else ("720p", "1080p", "4k"), "words": 3072,
                 "s": tuple(range(3, 11)) if o1 else _SHORT,
                 "more": ("audio",) if o1 else ("multi_shot", "audio")}  # fmt: skip
        settings = self._settings(
            body, facts, set() if first else {"aspect_ratio"},
            ("original", "off") if o1 else ("native", "original", "off"),
            duration=not (base or feature),
        )  # fmt: skip
        if o1 and not (base or feature or last or found["refer_image"] or found["element"]):
            _check(settings["duration"] in (5, 10), "duration must be 5 or 10")
        if base:
            _check(not first and not last, "base_video does not support frames")
            _check(not settings.get("multi_shot"), "base_video does not support multi_shot")
            _check(settings["audio"] != "native", "base_video does not support native audio")
        if feature and not o1:
            _check(bool(settings.get("multi_shot")), "feature_video requires multi_shot")
            _check(settings["audio"] == "off", "feature_video requires audio off")
        _check(not (feature and o1 and last), "feature_video does not support last_frame")
        many = len(found["refer_image"]) + len(found["element"])
        _check(many <= (4 if base or feature else 7), "too many images and elements")
        _check(not first or len(found["element"]) <= 3, "too many elements")
        _check(not (o1 and last) or not many, "first and last frame allow no other images")
        prompt = _prompt_of(found, 2500 if o1 else 3072)
        seconds, rate, size = settings.get("duration"), None, None
        for one in (*base, *feature):
            info = probe(self._video(one))
            assert info.video is not None
            seconds, size = float(info.video.duration_s), info.video.display_size
            low, high = (3, 10.2) if o1 else (3, 15.6)
            _check(low <= seconds <= high, "reference video duration is invalid")
            rate = _VIDEO_IN[settings["resolution"]]
        images = [self._image(one) for one in found["refer_image"]]
        size = size or _SIZES[settings["resolution"]][settings.get("aspect_ratio", "16:9")]
        clip = self._recipe(
            prompt, {**settings, "duration": seconds}, size=size,
            start=self._image(first[0]) if first else images[0] if images else None,
            end=self._image(last[0]) if last else None,
        )  # fmt: skip
        return self._made(call, body, model, {**settings, "duration": seconds}, clip, rate)

    @route("POST", "/motion-control/{model}", stage="submit")
    def motion_control(self, call: Call, model: str) -> Reply:
        self._authorize(call)
        _check(model in _MOTION, f"model {model} does not exist", 404, 1203)
        body = _object(call.json, {"contents"}, {"settings", "options"})
        found = _contents(body, {"prompt", "image", "video", "element"})
        _check(len(found["image"]) == 1, "image is required")
        _check(len(found["video"]) == 1, "video is required")
        _check(len(found["element"]) <= (model == "kling-3.0"), "too many elements")
        settings = _object(body.get("settings"), {"character_orientation"}, {"audio", "resolution"})
        orientation = settings["character_orientation"]
        _check(orientation in ("image", "video"), "character_orientation is invalid")
        settings = {"audio": "original", "resolution": "720p", **settings}
        _check(settings["audio"] in ("original", "off"), "audio is invalid")
        _check(settings["resolution"] in ("720p", "1080p"), "resolution is invalid")
        info = probe(self._video(found["video"][0]))
        assert info.video is not None
        seconds = float(info.video.duration_s)
        _check(
            3 <= seconds <= (10 if orientation == "image" else 30.1), "video duration is invalid"
        )
        clip = self._recipe(
            _prompt_of(found, 2500, needed=False) or "move", {**settings, "duration": seconds},
            start=self._image(found["image"][0]),
        )  # fmt: skip
        settings = {**settings, "duration": seconds}
        return self._made(call, body, model, settings, clip, _MOTION[model][settings["resolution"]])

    @route("GET", "/tasks", stage="poll")
    def tasks(self, call: Call) -> Reply:
        self._authorize(call)
        own = [i for i in call.query.get("task_ids", "").split(",") if i]
        external = [i for i in call.query.get("external_task_ids", "").split(",") if i]
        _check(bool(own or external), "task_ids or external_task_ids is required")
        both = "task_ids and external_task_ids cannot exceed 20 in total"
        _check(len(own) + len(external) <= 20, both)
        _check(not (own and external), "task_ids and external_task_ids are exclusive")
        with self.lock:
            since = self.now() - self.show_after_s
            found = [
                j for j in self.jobs.values()
                if (j.id in own or j.client_id in external) and j.made_s <= since
            ]  # fmt: skip
        return self._envelope([self._task(job) for job in reversed(found)])

    @route("POST", "/tasks", stage="find")
    def list_tasks(self, call: Call) -> Reply:
        self._authorize(call)
        body = _object(call.json, set(), {"start_time", "end_time", "cursor", "limit", "filters"})
        limit = int(body.get("limit", 100))
        _check(1 <= limit <= 500, "limit is invalid")
        since = int(body.get("start_time", 0)) / 1000
        with self.lock:
            shown = self.now() - self.show_after_s
            found = [j for j in self.jobs.values() if j.wall_s >= since and j.made_s <= shown]
        begin = int(body.get("cursor") or 0)
        page, more = found[begin : begin + limit], len(found) > begin + limit
        result = {"result": [self._task(job) for job in page], "count": len(page),
                  "next_cursor": str(begin + limit) if more else "", "has_more": more}  # fmt: skip
        return self._envelope(result)

    # -- legacy ------------------------------------------------------------------------------

    @route("POST", "/v1/videos/text2video", stage="submit")
    def text2video(self, call: Call) -> Reply:
        self._authorize(call, legacy=True)
        body, mode = self._legacy_video(call, {"model_name", "prompt"}, {"aspect_ratio"}, 1)
        shape = body.get("aspect_ratio", "16:9")
        _check(shape in _SIZES["720p"], "aspect_ratio is invalid")
        size = _SIZES["1080p" if mode == "pro" else "720p"][shape]
        clip = self._recipe(body["prompt"], {"duration": int(body["duration"])}, size=size)
        return self._made_legacy(call, body, "videos/text2video", clip, mode)

    @route("POST", "/v1/videos/image2video", stage="submit")
    def image2video(self, call: Call) -> Reply:
        self._authorize(call, legacy=True)
        body, mode = self._legacy_video(call, {"model_name", "image"}, {"image_tail", "prompt"}, 0)
        tail_mode = _LEGACY[body["model_name"]][4]
        tail = body.get("image_tail")
        _check(tail is None or mode == tail_mode, "image_tail is not supported by this mode")
        clip = self._recipe(
            body.get("prompt", ""), {"duration": int(body["duration"])},
            start=self._legacy_image(body["image"]),
            end=self._legacy_image(tail) if tail else None,
        )  # fmt: skip
        return self._made_legacy(call, body, "videos/image2video", clip, mode)

    @route("POST", "/v1/videos/avatar/image2video", stage="submit")
    def avatar(self, call: Call) -> Reply:
        self._authorize(call, legacy=True)
        body = _object(call.json, {"image"}, {
            "audio_id", "sound_file", "prompt", "mode", "watermark_info", "callback_url",
            "external_task_id"})  # fmt: skip
        _check(
            ("audio_id" in body) != ("sound_file" in body), "audio_id or sound_file, one of them"
        )
        _check(body.get("mode", "std") in ("std", "pro"), "mode is invalid")
        _check(len(body.get("prompt", "")) <= 2500, "prompt is too long")
        speech = self._sound(body["sound_file"])
        seconds = float(probe(speech).audio[0].duration_s)
        _check(2 <= seconds <= 300, "Audio duration is invalid")
        portrait = self._legacy_image(body["image"])
        clip = self.recipe(
            body.get("prompt", ""), Fraction(seconds).limit_denominator(1000), portrait=portrait,
            speech=speech, audio=True,
        )  # fmt: skip
        units = Decimal("0.8" if body.get("mode") == "pro" else "0.4") * int(seconds)
        return self._made_legacy(call, body, "videos/avatar/image2video", clip, "", units)

    @route("POST", "/v1/videos/identify-face", stage="other")
    def identify_face(self, call: Call) -> Reply:
        self._authorize(call, legacy=True)
        body = _object(call.json, set(), {"video_id", "video_url"})
        _check(len(body) == 1, "video_id or video_url, one of them")
        path = self._video_by_id(body) if "video_id" in body else self._video(
            {"url": body["video_url"]})  # fmt: skip
        info = probe(path)
        assert info.video is not None
        seconds = float(info.video.duration_s)
        _check(2 <= seconds <= 60, "video duration is invalid")
        self.billed.append(("identify-face", Decimal("0.05")))
        session = f"session-{len(self.billed)}"
        self._sessions[session] = path
        face = {"face_id": "0", "face_image": f"{self.url}/face.png", "start_time": 0,
                "end_time": int(seconds * 1000)}  # fmt: skip
        data = {"session_id": session, "face_data": [face], "final_unit_deduction": "0.05"}
        return self._envelope(data)

    @route("POST", "/v1/videos/advanced-lip-sync", stage="submit")
    def lip_sync(self, call: Call) -> Reply:
        self._authorize(call, legacy=True)
        body = _object(call.json, {"session_id", "face_choose"},
                       {"watermark_info", "external_task_id", "callback_url"})  # fmt: skip
        path = self._sessions.get(body["session_id"])
        _check(path is not None, "session_id is invalid")
        assert path is not None
        _check(len(body["face_choose"]) == 1, "face_choose must have one item")
        face = _object(
            body["face_choose"][0],
            {"face_id", "sound_start_time", "sound_end_time", "sound_insert_time"},
            {"audio_id", "sound_file", "sound_volume", "original_audio_volume"},
        )
        speech = self._sound(face["sound_file"])
        length = int(float(probe(speech).audio[0].duration_s) * 1000) + 1
        begin, end, at = (face[f"sound_{n}_time"] for n in ("start", "end", "insert"))
        info = probe(path)
        assert info.video is not None
        whole = int(info.video.duration_s * 1000)
        _check(0 <= begin < end <= length and end - begin >= 2000, "sound crop is invalid")
        _check(at >= 0 and at + end - begin <= whole + 50, "sound must fit the video")
        clip = self.recipe("", info.video.duration_s, video=path, speech=speech)
        units = Decimal("0.5") * -(-whole // 5000)
        return self._made_legacy(call, body, "videos/advanced-lip-sync", clip, "", units)

    @route("POST", "/v1/audio/tts", stage="submit")
    def tts(self, call: Call) -> Reply:
        """Answers with the speech itself; neither an id of ours nor a look-up afterwards."""
        self._authorize(call, legacy=True)
        body = _object(call.json, {"text", "voice_id", "voice_language"}, {"voice_speed"})
        _check(0 < len(body["text"]) <= 1000, "text is invalid")
        _check(body["voice_language"] in ("zh", "en"), "voice_language is invalid")
        _check(body["voice_id"] in VOICES, "Voice id not found")
        speed = body.get("voice_speed", 1.0)
        _check(0.8 <= speed <= 2 and round(speed, 1) == speed, "voice_speed is invalid")
        clip = _heard(body["text"], Fraction(len(body["text"]), 14), spoken=True)
        with self.lock:
            units = Decimal("0.05")
            job = self._new(call, body, clip, "", units, model="tts", family=_TTS)
            job.done_s = job.made_s
        return self._envelope(self._legacy_shape(job))

    @route("POST", "/v1/audio/text-to-audio", stage="submit")
    def text_to_audio(self, call: Call) -> Reply:
        self._authorize(call, legacy=True)
        body = _object(call.json, {"prompt", "duration"}, {"external_task_id", "callback_url"})
        _check(0 < len(body["prompt"]) <= 200, "prompt is too long")
        _check(3 <= body["duration"] <= 10, "duration is invalid")
        clip = _heard(body["prompt"], Fraction(str(body["duration"])))
        units = Decimal("0.25")
        return self._made_legacy(call, body, "audio/text-to-audio", clip, "", units)

    @route("POST", "/v1/audio/video-to-audio", stage="submit")
    def video_to_audio(self, call: Call) -> Reply:
        self._authorize(call, legacy=True)
        body = _object(call.json, set(), {
            "video_id", "video_url", "sound_effect_prompt", "bgm_prompt", "asmr_mode",
            "external_task_id", "callback_url"})  # fmt: skip
        _check(("video_id" in body) != ("video_url" in body), "video_id or video_url, one of them")
        path = self._video_by_id(body) if "video_id" in body else self._video(
            {"url": body["video_url"]})  # fmt: skip
        picture = probe(path).video
        assert picture is not None
        _check(3 <= picture.duration_s <= 20, "video duration is invalid")
        words = body.get("sound_effect_prompt", "")
        _check(len(words) <= 200 and len(body.get("bgm_prompt", "")) <= 200, "prompt is too long")
        clip = _heard(words, picture.duration_s)
        units = Decimal("0.25")
        return self._made_legacy(call, body, "audio/video-to-audio", clip, "", units)

    @route("GET", "/account/costs")
    def costs(self, call: Call) -> Reply:
        self._authorize(call)
        times = (call.query.get(name, "") for name in ("start_time", "end_time"))
        _check(all(time.isdigit() for time in times), "start_time and end_time are required")
        packs = [
            {"resource_pack_name": "Video 1000", "remaining_quantity": 876.5, "status": "online"},
            {"resource_pack_name": "Video 100", "remaining_quantity": 12.0, "status": "expired"},
        ]
        infos = {"code": 0, "msg": "SUCCEED", "resource_pack_subscribe_infos": packs}
        return self._envelope(infos)

    @route("GET", "/v1/{family+}/{id_}", stage="poll")
    def legacy_task(self, call: Call, family: str, id_: str) -> Reply:
        self._authorize(call, legacy=True)
        _check(family != _TTS, "it can't be asked for", 404, 1202)
        with self.lock:
            own = [j for j in self.jobs.values() if j.facts.get("family") == family]
            found = [j for j in own if j.id == id_]
            if family != "videos/advanced-lip-sync":  # its page lists task ids only
                shown = self.now() - self.show_after_s
                found = found or [j for j in own if j.client_id == id_ and j.made_s <= shown]
        _check(bool(found), f"Task not found by id/external id: {id_}")
        return self._envelope(self._legacy_shape(found[0]))

    # -- what they have in common --------------------------------------------------------------

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self._sessions: dict[str, Path] = {}
        self.show_after_s = 0.0
        """A task is not found before that many seconds have gone (read after write)."""

    def _authorize(self, call: Call, *, legacy: bool = False) -> None:
        if not call.bearer:
            raise _refusal(401, 1001, "Authorization is empty")
        if call.bearer == self.key:
            return
        if call.bearer.count(".") != 2:
            said = "token should have 3 parts" if legacy else "Authentication error"
            raise _refusal(401, 1002, said)
        if not legacy:
            said = "Authentication error. The current API does not support AK/SK"
            raise _refusal(401, 1002, said)
        self._check_token(call.bearer)

    def _check_token(self, token: str) -> None:
        signed, _, signature = token.rpartition(".")
        own = hmac.new(self.secret.encode(), signed.encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(own, _unpadded(signature)):
            raise _refusal(401, 1002, "signature is invalid")
        head, claims = (json.loads(_unpadded(part)) for part in signed.split("."))
        if head != {"alg": "HS256", "typ": "JWT"} or claims.get("iss") != self.access:
            raise _refusal(401, 1002, "token is invalid")
        if claims["nbf"] > time.time():
            raise _refusal(401, 1003, "token is not yet valid")
        if claims["exp"] < time.time():
            raise _refusal(401, 1004, "token is expired")

    def _model(self, model: str) -> dict[str, Any]:
        _check(model in _MODELS, f"model {model} does not exist", 404, 1203)
        return _MODELS[model]

    def _settings(
        self,
        body: Mapping[str, Any],
        facts: Mapping[str, Any],
        shape: set[str],
        sounds: tuple[str, ...] = ("native", "off"),
        *,
        duration: bool = True,
    ) -> dict[str, Any]:
        given = _object(body.get("settings", {}), set(),
                        {"resolution", "duration", *facts["more"], *shape})  # fmt: skip
        plain: dict[str, Any] = {"resolution": "720p", "audio": "off"}
        if duration:
            plain["duration"] = 5
        if "multi_shot" in facts["more"]:
            plain["multi_shot"] = True
        if shape:
            plain["aspect_ratio"] = "16:9"
        settings = {**plain, **given}
        _check(settings["resolution"] in facts["res"], "resolution is invalid")
        if duration:
            whole = type(settings["duration"]) is int
            _check(whole and settings["duration"] in facts["s"], "duration is invalid")
        _check(settings["audio"] in sounds, "audio is invalid")
        _check(type(settings.get("multi_shot", True)) is bool, "multi_shot is invalid")
        return settings

    def _check_sound(self, model: str, settings: Mapping[str, Any]) -> None:
        if model == "kling-2.6" and settings["audio"] == "native":
            _check(settings["resolution"] == "1080p", "native audio requires 1080p")

    def _recipe(self, prompt: str, settings: Mapping[str, Any], **more: Any) -> Recipe:
        shots = _SHOT.findall(prompt)
        seconds = settings["duration"]
        if shots:
            numbers = [int(n) for n, _, _ in shots]
            _check(
                numbers == list(range(1, len(shots) + 1)) and len(shots) <= 6, "shots are invalid"
            )
            _check(sum(int(m) for _, m, _ in shots) == seconds, "shots do not add up to duration")
            _check(all(len(words) <= 512 for _, _, words in shots), "a shot is too long")
        cuts = bool(shots) and settings.get("multi_shot", True)
        return self.recipe(
            prompt, Fraction(seconds).limit_denominator(1000),
            audio=settings.get("audio") == "native",
            shots=tuple((words, float(m)) for _, m, words in shots) if cuts else (), **more,
        )  # fmt: skip

    def _made(
        self,
        call: Call,
        body: Mapping[str, Any],
        model: str,
        settings: Mapping[str, Any],
        clip: Recipe,
        units_per_s: str | None = None,
    ) -> Reply:
        options = _object(body.get("options", {}), set(),
                          {"callback_url", "external_task_id", "watermark_info"})  # fmt: skip
        external = options.get("external_task_id", "")
        _check(isinstance(external, str), "external_task_id is invalid")
        if units_per_s is None:
            silent, sound = _UNITS[model, settings["resolution"]]
            units_per_s = sound if settings["audio"] == "native" else silent
        units = Decimal(units_per_s) * Decimal(str(settings["duration"]))
        with self.lock:
            taken = external and any(j.client_id == external for j in self.jobs.values())
            _check(not taken, f"External_task_id {external} already exists")
            self._check_room(model)
            job = self._new(call, body, clip, external, units, model=model)
        task = {k: v for k, v in self._task(job).items() if k not in ("outputs", "billing")}
        return self._envelope(task)

    def _made_legacy(
        self,
        call: Call,
        body: Mapping[str, Any],
        family: str,
        clip: Recipe,
        mode: str,
        units: Decimal = Decimal(2),
    ) -> Reply:
        with self.lock:
            self._check_room(family)
            external = body.get("external_task_id", "")
            job = self._new(call, body, clip, external, units, model=family, family=family)
        shape = self._legacy_shape(job)
        return self._envelope({k: shape[k] for k in (
            "task_id", "task_status", "task_info", "created_at", "updated_at")})  # fmt: skip

    def _new(self, call: Call, body: Any, clip: Recipe, external: str, units: Decimal,
             **facts: Any) -> Job:  # fmt: skip
        return self.make_job(
            body, clip=clip, client_id=external, id_=str(_FIRST_ID + len(self.jobs)),
            price_usd=units * Decimal("0.14"), fails=RISK if call.policy else "", units=units,
            **facts,
        )  # fmt: skip

    def _check_room(self, model: str) -> None:
        if self.full(model):
            raise _refusal(*_CODES["throttle"])

    def _task(self, job: Job) -> dict[str, Any]:
        """The task object of the new standard."""
        state = job.state(self.now())
        status = {"queued": "submitted", "running": "processing", "done": "succeeded"}
        task: dict[str, Any] = {
            "id": job.id, "status": status.get(state, "failed"),
            "message": job.fails if state == "failed" else "",
            "create_time": int(job.wall_s * 1000), "update_time": int(time.time() * 1000),
            "external_id": job.client_id,
        }  # fmt: skip
        if state == "running" and len(self.calls) % 2:
            return task
        done = state == "done"
        assert job.clip is not None
        length = f"{float(job.clip.frames / job.clip.rate):.3f}"
        video = {"type": "video", "id": f"{int(job.id) + 10**9}", "duration": length}
        task["outputs"] = [{**video, "url": self.address(job)}] if done else []
        bill = {"charge_type": "unit", "package_type": "video", "amount": str(job.facts["units"])}
        task["billing"] = [bill] if done else []
        return task

    def _legacy_shape(self, job: Job) -> dict[str, Any]:
        state = job.state(self.now())
        status = {"queued": "submitted", "running": "processing", "done": "succeed"}
        task: dict[str, Any] = {
            "task_id": job.id, "task_status": status.get(state, "failed"),
            "task_status_msg": job.fails if state == "failed" else "",
            "task_info": {"external_task_id": job.client_id}, "watermark_info": {"enabled": False},
            "created_at": int(job.wall_s * 1000), "updated_at": int(time.time() * 1000),
        }  # fmt: skip
        if state == "done":
            assert job.clip is not None
            length = f"{float(job.clip.heard_s or job.clip.frames / job.clip.rate):.2f}"
            video = {"id": f"{int(job.id) + 10**9}", "url": self.address(job), "duration": length}
            task["task_result"] = {"videos": [video]}
            if job.clip.heard_s is not None:
                url = {"url": video["url"]} if job.facts["family"] == _TTS else {
                    "url_mp3": f"{self.url}/none.mp3", "url_wav": video["url"]}  # fmt: skip
                task["task_result"] = {"audios": [{"id": video["id"], **url}]}
            task["final_unit_deduction"] = str(job.facts["units"])
        return task

    def _legacy_video(
        self, call: Call, needed: set[str], more: set[str], words: int
    ) -> tuple[dict[str, Any], str]:
        body = _object(call.json, needed, more | {
            "negative_prompt", "cfg_scale", "mode", "duration", "callback_url", "external_task_id",
            "watermark_info"})  # fmt: skip
        i2v, t2v, modes, cfg, _ = _LEGACY.get(body["model_name"], (False, False, (), False, None))
        _check(t2v if words else i2v, f"model {body['model_name']} does not exist", 404, 1203)
        mode = body.get("mode", "std" if modes else "")
        _check(mode in modes or (not modes and "mode" not in body), "mode is invalid")
        _check("cfg_scale" not in body or cfg, "cfg_scale is not supported by this model")
        _check(0 <= body.get("cfg_scale", 0.5) <= 1, "cfg_scale is invalid")
        _check(body.setdefault("duration", "5") in ("5", "10"), "duration is invalid")
        for name in ("prompt", "negative_prompt"):
            _check(len(body.get(name, "")) <= 2500, f"{name} is too long")
        _check(not words or bool(body["prompt"]), "prompt is required")
        return body, mode

    def _image(self, item: Mapping[str, Any]) -> Path:
        return self._picture(item.get("url", ""), 50)

    def _legacy_image(self, value: Any) -> Path:
        return self._picture(value, 10)

    def _picture(self, value: Any, most_mb: int) -> Path:
        _check(isinstance(value, str) and bool(value), "image is required")
        if value.startswith(("http://", "https://")):
            path = self.published(value)
            _check(path is not None, "image can not be fetched")
            assert path is not None
            content = path.read_bytes()
        else:
            content = _decoded(value, "image")
        _check(len(content) <= most_mb << 20, "image is too large")
        try:
            with Image.open(BytesIO(content)) as image:
                kind, (width, height) = image.format, image.size
        except OSError:
            kind, width, height = None, 0, 0
        _check(kind in ("JPEG", "PNG"), "image format is invalid")
        _check(min(width, height) >= 300, "image is too small")
        _check(0.4 <= width / height <= 2.5, "image aspect ratio is invalid")
        return self.keep(content, ".jpg" if kind == "JPEG" else ".png")

    def _video_by_id(self, body: Mapping[str, Any]) -> Path:
        id_ = body["video_id"]
        _check(id_.isdigit(), "video_id is invalid")
        job = self.jobs.get(str(int(id_) - 10**9))
        _check(job is not None and job.state(self.now()) == "done", "Video not found by id")
        assert job is not None
        return self.clip(job)

    def _video(self, item: Mapping[str, Any]) -> Path:
        url = item.get("url", "")
        _check(url.startswith(("http://", "https://")), "video must be a URL")
        path = self.published(url)
        _check(path is not None, "video can not be fetched")
        assert path is not None
        return path

    def _sound(self, value: Any) -> Path:
        content = _decoded(value, "sound_file")
        _check(len(content) <= 5 << 20, "Audio is too large")
        # m4a and aac are documented, and were refused when somebody tried.
        wav, mp3 = content[:4] == b"RIFF", content[:3] == b"ID3" or content[:1] == b"\xff"
        _check(wav or mp3, "Audio format is invalid")
        return self.keep(content, ".wav" if wav else ".mp3")

    def _envelope(self, data: Any) -> Reply:
        body = {"code": 0, "message": "SUCCEED", "request_id": f"req-{len(self.calls)}"}
        return Reply(200, {**body, "data": data})

    def refusal(self, fault: Fault) -> Reply:
        return _refusal(*_CODES[fault]).reply

    def not_found(self, call: Call) -> Reply:
        return _refusal(404, 1202, "The requested method is invalid").reply

    def malformed(self, why: str) -> Reply:
        return _refusal(400, 1200, why).reply


def _refusal(status: int, code: int, message: str) -> RefusedError:
    body = {"code": code, "message": message, "request_id": "5b0c7a52-0000"}
    return RefusedError(Reply(status, body))


def _check(fine: bool, message: str, status: int = 400, code: int = 1201) -> None:
    if not fine:
        raise _refusal(status, code, message)


def _object(value: Any, needed: set[str], may: set[str]) -> dict[str, Any]:
    """A body or a part of it: everything needed is there, and nothing that isn't documented."""
    _check(isinstance(value, dict), "request is invalid", code=1200)
    missing, extra = sorted(needed - value.keys()), sorted(value.keys() - needed - may)
    _check(not missing, f"{', '.join(missing)} is required")
    _check(not extra, f"unknown field {', '.join(extra)}")
    return dict(value)


def _text(body: Mapping[str, Any], name: str, most: int) -> str:
    text = body[name]
    _check(isinstance(text, str) and bool(text.strip()), f"{name} is required")
    _check(len(text) <= most, f"{name} is too long")
    return str(text)


def _contents(body: Mapping[str, Any], kinds: set[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    fields = {"prompt": {"text"}, "element": {"element_id", "id"}, "voice": {"voice_id", "id"}}
    _check(isinstance(body["contents"], list), "contents is invalid")
    ids = []
    for item in body["contents"]:
        kind = item.get("type")
        _check(kind in kinds, f"contents type {kind} is not supported")
        needed = fields.get(kind, {"url"})
        _object(
            item,
            {"type"} | needed,
            {"id"} if kind.startswith(("refer", "feature", "base")) else set(),
        )
        found[kind].append(item)
        ids += [item["id"]] if "id" in item else []
    clash = any(a in b for n, a in enumerate(ids) for m, b in enumerate(ids) if n != m)
    _check(not clash, "ids must be unique and no part of one another")
    return found


def _prompt_of(found: Mapping[str, list[dict[str, Any]]], most: int, *, needed: bool = True) -> str:
    _check(len(found["prompt"]) <= 1, "one prompt only")
    if not found["prompt"]:
        return ""
    prompt = _text(found["prompt"][0], "text", most)
    known = {item["id"] for items in found.values() for item in items if "id" in item}
    for name in re.findall(r"@(\w+)", prompt):
        _check(name in known, f"@{name} refers to nothing")
    return prompt


def _decoded(value: Any, what: str) -> bytes:
    _check(isinstance(value, str) and not value.startswith("data:"), f"{what} is invalid")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _refusal(400, 1201, f"{what} is no Base64") from None


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
