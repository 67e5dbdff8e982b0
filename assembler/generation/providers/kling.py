"""
Kling's own API: the new standard for video, the legacy one for avatars, lip-sync and old models.

    ASSEMBLER_KLING_URL=https://api-singapore.klingai.com KLING_API_KEY=… assembler render film.yaml

Our id goes along as `external_task_id`. On the new standard a second request with the same id is
refused, so a lost reply is looked up, and if there is no task, the same request may be sent again.
Legacy creations promise no such thing: there the look goes on for a minute before it is believed.
Videos (motion, reference, source) reach Kling by public address only, which the author gives in
`options: {video_url: https://…}`; images and recordings go along in the request. A clip whose lips
are moved, and that Kling has made, is named by the id that it has there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from anyio import to_thread

from assembler.errors import UsageError
from assembler.generation.asking import Ask, check_shots
from assembler.generation.base import (
    Can,
    CantTell,
    Done,
    Failed,
    Found,
    JobState,
    Lookup,
    NotMade,
    NotSubmittedError,
    ProviderError,
    Queued,
    Request,
    Running,
    Sent,
)
from assembler.generation.http import Answer, Api, Limits
from assembler.generation.keys import find_key
from assembler.generation.platform import FREE, Platform
from assembler.generation.refusals import Refusal, Trouble, advice, before_sending
from assembler.generation.sending import items_of, note_sent, pages_of, record_of, sent_note
from assembler.media.stills import read_image, write_png
from assembler.media.upright import is_turned
from assembler.planning.keys import content_key
from assembler.planning.model import Link
from assembler.planning.prompts import joined

URL = "https://api-singapore.klingai.com"
UNIT_USD = Decimal("0.14")
"""List price of a video unit; packs may have others."""
_TROUBLES: Mapping[int, Trouble] = {
    1000: "auth", 1001: "auth", 1002: "auth", 1003: "auth", 1004: "auth",
    1100: "permission", 1101: "balance", 1102: "balance", 1103: "permission", 1304: "permission",
    1200: "parameter", 1201: "parameter", 1202: "parameter", 1203: "parameter",
    1300: "policy", 1301: "policy", 1302: "throttle", 1303: "throttle",
}  # fmt: skip
_EXISTS = "already exists"
_RISK = "risk control"
_NAMES = {"kling-3.0-motion": "kling-3.0", "kling-2.6-motion": "kling-2.6"}
"""Our model -> its name in the path, where they differ."""
_OMNI = frozenset({"kling-3.0-omni", "kling-o1"})
_WITH_SHOTS = frozenset({"kling-3.0", "kling-3.0-omni"})
"""Models that have `multi_shot`; it is on unless it is switched off."""
_WITH_SOUND = frozenset({"kling-3.0", "kling-3.0-omni", "kling-o1", "kling-2.6"})
_LEGACY = {
    "kling-1.6": ("kling-v1-6", True),
    "kling-2.0": ("kling-v2-master", False),
    "kling-2.1-standard": ("kling-v2-1", True),
    "kling-2.1-pro": ("kling-v2-1", True),
    "kling-2.1-master": ("kling-v2-1-master", False),
}
"""Our model -> `model_name`, and whether it has a mode."""
_AVATAR = "videos/avatar/image2video"
_LIP_SYNC = "videos/advanced-lip-sync"
_SPEECH = "audio/tts"
_SOUNDS: Mapping[str, str] = {
    "speech": _SPEECH, "sound": "audio/text-to-audio", "foley": "audio/video-to-audio",
}  # fmt: skip
_IMAGES = frozenset({".png", ".jpg", ".jpeg"})
_LOOKS_S = (0.5, 1.0, 2.0, 4.0)
"""Waits between the looks for a lost task of the new standard."""
_LEGACY_LOOKS_S = (2.0, 4.0, 8.0, 16.0, 30.0)
_SETTLED_S = 300.0
"""A legacy task that isn't shown for so long after it was sent was never made."""
_FORGOTTEN_S = 300.0
"""A task that was accepted and isn't found for so long is reported."""
_FACES_S = 3600.0
"""Faces that were found are asked for no more within; Kling doesn't say how long they are good."""
_YEAR_MS = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class _Call:
    """Where a request goes, and with what."""

    path: str
    body: dict[str, Any]

    @property
    def family(self) -> str:
        """Of a legacy path, what its tasks are asked for by; empty on the new standard."""
        return self.path.removeprefix("/v1/") if self.path.startswith("/v1/") else ""


class Kling(Platform):
    """
    One account at Kling.

    Args:
        folder: Where it is noted when requests left, and in whose videos faces were found.
        concurrency: Tasks at once of one model, which depends on the resource pack.
        unit_usd: What a unit has cost.
        pace: Of all waits between looks for a lost task; tests take less than 1.
        limits: How long and how large things may be.
    """

    name = "kling"
    can = Can(client_id=True, lookup=True, listing=True, concurrency=5)

    def __init__(
        self,
        folder: Path,
        *,
        concurrency: int = 5,
        unit_usd: Decimal = UNIT_USD,
        pace: float = 1.0,
        limits: Limits | None = None,
    ) -> None:
        self._unit_usd = unit_usd
        self._pace = pace
        self._key = find_key("KLING_API_KEY")
        self._access, self._secret = find_key("KLING_ACCESS_KEY"), find_key("KLING_SECRET_KEY")
        keys = [key for key in (self._key, self._access, self._secret) if key]
        api = Api(self.name, URL, sign=self._signed, judge=_judged, keys=keys, limits=limits)
        super().__init__(folder, concurrency, api)
        self._existing: set[str] = set()
        """Our ids that Kling says it has."""
        self._missed: dict[str, float] = {}

    async def submit(self, request: Request) -> str:
        """Send the one call that makes the task."""
        self._check_key(request.link)
        call = await self._call(request)
        if call.family and call.family != _SPEECH:
            note_sent(self._folder, request.client_id, call.path, {})
        try:
            answer = await self._api.post_once(call.path, json=call.body)
        except ProviderError as exc:
            if _EXISTS in exc.what.lower():
                self._existing.add(request.client_id)
            raise
        data = record_of(answer.data, "data")
        id_ = data.get("task_id" if call.family else "id")
        if id_ and call.family == _SPEECH:
            # It has no id of ours and can't be asked for again: the answer is kept.
            note_sent(self._folder, request.client_id, _SPEECH, data)
            return f"{_SPEECH}:{request.client_id}"
        id_ = _named(id_)
        return f"{call.family}:{id_}" if call.family else id_

    @classmethod
    def job_of(cls, link: Link, id_: str) -> str:
        """The id, behind what tasks of its sort are asked for by."""
        family = _family(link)
        if not family or id_.startswith(f"{family}:"):
            return id_
        if family == _SPEECH:
            raise UsageError(
                "kling can't look up speech that it has made, by its id neither",
                fix="say `--none`: the next run has it made, and paid, once more.",
            )
        return f"{family}:{id_}"

    async def find(self, sent: Sent) -> Lookup:
        """Look for the task by our id, several times, then through the list."""
        family = _family(sent.request.link)
        if family == _SPEECH:
            if sent_note(self._folder, sent.client_id) is not None:
                return Found(f"{_SPEECH}:{sent.client_id}")
            return CantTell("kling can't look up speech that it has made: only `--none` helps")
        for wait_s in (0.0, *(_LEGACY_LOOKS_S if family else _LOOKS_S)):
            await anyio.sleep(wait_s * self._pace)
            job = await self._looked_up(sent.client_id, family)
            if job:
                return Found(job)
        job = await self._listed(sent) if self._key else None
        if job:
            return Found(f"{family}:{job}" if family else job)
        if sent.client_id in self._existing:
            return CantTell(f"kling has a task with our id {sent.client_id} and doesn't show it")
        if family == _LIP_SYNC and not self._key:
            return CantTell("kling finds lip-sync tasks by our id for API keys only")
        note = sent_note(self._folder, sent.client_id)
        left_s = note.at_s if note else sent.sent_s
        if family and time.time() - left_s < _SETTLED_S * self._pace:
            return CantTell(
                f"kling doesn't show it yet; run again in {_SETTLED_S / 60:g} minutes to be sure"
            )
        return NotMade()

    async def standing(self) -> str:
        """Units left in the packs of the account, as Kling counts them within half a day."""
        now_ms = round(time.time() * 1000)
        params = {"start_time": str(now_ms - _YEAR_MS), "end_time": str(now_ms)}
        answer = await self._api.ask("GET", "/account/costs", params=params)
        packs = items_of(record_of(answer.data, "data"), "resource_pack_subscribe_infos")
        left = [p.get("remaining_quantity") for p in packs if p.get("status") == "online"]
        return f"{sum(n for n in left if isinstance(n, (int, float))):g} units left in packs"

    async def poll(self, job: str) -> JobState:
        """The state of a task, in either envelope."""
        family, _, id_ = job.rpartition(":")
        if family == _SPEECH:
            noted = sent_note(self._folder, id_)
            if noted is None:
                raise self._api.no_clip("the answer with the speech is no longer in the project")
            return self._legacy_state({"task_status": "succeed", **noted.body})
        if family:
            answer = await self._api.ask("GET", f"/v1/{family}/{id_}")
            return self._legacy_state(record_of(answer.data, "data"))
        answer = await self._api.ask("GET", "/tasks", params={"task_ids": id_})
        for task in items_of(answer.data, "data"):
            if str(task.get("id")) == id_:
                self._missed.pop(job, None)
                return self._state(task)
        since = self._missed.setdefault(job, time.monotonic())
        if time.monotonic() - since > _FORGOTTEN_S * self._pace:
            raise ProviderError(
                f"kling: there is no task {id_} in this account",
                fix="check that the key belongs to the account and region that made it.",
                trouble="parameter",
            )
        return Queued()  # what was just made isn't always found at once

    # -- what is sent ----------------------------------------------------------------------

    async def _call(self, request: Request) -> _Call:
        link = request.link
        if link.kind == "avatar":
            return await to_thread.run_sync(_avatar, request)
        if link.kind == "lip-sync":
            return await self._lip_sync(request)
        if link.heard_only:
            return await self._sound(request)
        make = _legacy_video if link.model in _LEGACY else _video
        return await to_thread.run_sync(make, request)

    async def _lip_sync(self, request: Request) -> _Call:
        """The face is found first, in a call of its own: if that fails, no task was made."""
        options = request.link.options
        data = await self._faces(request)
        faces = list(items_of(data, "face_data"))
        wanted = options.get("face_id")
        if wanted is not None:
            faces = [face for face in faces if str(face.get("face_id")) == str(wanted)]
        if not faces:
            raise _unfit(request.link, "there is no face in its video" if wanted is None else
                         f"there is no face {wanted} in its video", "policy")  # fmt: skip
        face = max(faces, key=_shown_ms)
        speech = _speech(request)
        chosen = {
            "face_id": str(face.get("face_id")),
            "sound_file": _inline(speech),
            "sound_start_time": 0,
            "sound_end_time": int(request.link.length_s * 1000),
            "sound_insert_time": 0,
        }
        body = {"session_id": data.get("session_id"), "face_choose": [chosen]}
        return _Call(f"/v1/{_LIP_SYNC}", {**body, "external_task_id": request.client_id})

    async def _sound(self, request: Request) -> _Call:
        """Speech, sound of words, or sound to a clip."""
        link, ours = request.link, {"external_task_id": request.client_id}
        options = {n: v for n, v in link.options.items() if n not in ("language", "speed")}
        body: dict[str, Any]
        match link.kind:
            case "speech":
                ours = {}
                body = {
                    "text": link.prompt,
                    "voice_id": next(iter(link.voices), ""),
                    "voice_language": link.options.get("language", "en"),
                    "voice_speed": round(float(link.options.get("speed", 1.0)), 1),
                }
            case "sound":
                body = {"prompt": link.prompt, "duration": round(float(link.length_s), 1)}
            case _:
                with before_sending():
                    body = dict(await self._video_of(request))
                body |= {"sound_effect_prompt": link.prompt} if link.prompt else {}
        return _Call(f"/v1/{_SOUNDS[link.kind]}", {**body, **options, **ours})

    async def _faces(self, request: Request) -> Mapping[str, Any]:
        """What Kling has found in the video: paid once for a take, were it refused meanwhile."""
        with before_sending():
            given = await self._video_of(request)
            name = f"faces-{content_key(take=(request.link.key, request.number), video=given)}"
            noted = sent_note(self._folder, name)
            if noted is not None and time.time() - noted.at_s < _FACES_S:
                return noted.body
            answer = await self._api.post_once("/v1/videos/identify-face", json=given)
        data = record_of(answer.data, "data")
        note_sent(self._folder, name, "identify-face", data)
        return data

    async def _video_of(self, request: Request) -> Mapping[str, str]:
        """The video as the author gives it, or by the id that it has at Kling, which made it."""
        options = request.link.options
        given = {n: str(options[n]) for n in ("video_id", "video_url") if n in options}
        if not given and request.video_job:
            given = {"video_id": await self._clip_id(request.video_job)}
        if len(given) != 1 or not all(given.values()):
            raise _unfit(
                request.link, "its video must be given as `options: {video_url: https://…}`"
            )
        return given

    async def _clip_id(self, job: str) -> str:
        """Id of the clip that a job has made; it is good for 30 days."""
        family, _, id_ = job.rpartition(":")
        if family:
            answer = await self._api.ask("GET", f"/v1/{family}/{id_}")
            made = items_of(record_of(answer.data, "data", "task_result"), "videos")
        else:
            answer = await self._api.ask("GET", "/tasks", params={"task_ids": id_})
            tasks = (t for t in items_of(answer.data, "data") if str(t.get("id")) == id_)
            made = items_of(next(tasks, None), "outputs")
        return next((str(clip["id"]) for clip in made if clip.get("id")), "")

    def _check_key(self, link: Link) -> None:
        if self._key or (self._access and self._secret and _family(link)):
            return
        if self._access and self._secret:
            what = f"kling: {link.model} takes an API key, not access and secret key"
            fix = "make one in the account's settings and set KLING_API_KEY."
        else:
            what = "kling: there is no key"
            fix = (
                "set KLING_API_KEY in the environment, or `keyring set assembler KLING_API_KEY`; "
                "for avatars and lip-sync KLING_ACCESS_KEY with KLING_SECRET_KEY will do."
            )
        raise NotSubmittedError(what, link.where, fix, "auth")

    def _signed(self, path: str) -> Mapping[str, str]:
        if self._key:
            return {"Authorization": f"Bearer {self._key.reveal()}"}
        if self._access and self._secret:
            token = _token(self._access.reveal(), self._secret.reveal(), time.time())
            return {"Authorization": f"Bearer {token}"}
        return {}

    # -- what comes back -------------------------------------------------------------------

    async def _looked_up(self, client_id: str, family: str) -> str | None:
        if self._key:
            params = {"external_task_ids": client_id}
            answer = await self._api.ask("GET", "/tasks", params=params)
            id_ = _with_id(items_of(answer.data, "data"), client_id)
            return f"{family}:{id_}" if id_ and family else id_
        answer = await self._api.ask("GET", f"/v1/{family}/{client_id}", fine=[400, 404])
        if answer.data.get("code") != 0:
            if "not found" in str(answer.data.get("message")).lower():
                return None
            raise self._api.error(_judged(answer) or Refusal("unknown"))
        return f"{family}:{_named(record_of(answer.data, 'data').get('task_id'))}"

    async def _listed(self, sent: Sent) -> str | None:
        """The task in the list since a minute before it was sent: clocks differ."""
        window = {"start_time": int((sent.since_s - 60) * 1000),
                  "end_time": int((time.time() + 60) * 1000)}  # fmt: skip

        async def page(cursor: str) -> tuple[Iterator[Mapping[str, Any]], str]:
            where = {"cursor": cursor} if cursor else window
            answer = await self._api.ask("POST", "/tasks", json={**where, "limit": 500})
            data = record_of(answer.data, "data")
            more = str(data.get("next_cursor") or "") if data.get("has_more") else ""
            return items_of(data, "result"), more

        async for task in pages_of(page):
            if found := _with_id([task], sent.client_id):
                return found
        return None

    def _state(self, task: Mapping[str, Any]) -> JobState:
        match task.get("status"):
            case "submitted":
                return Queued()
            case "processing":
                return Running()
            case "succeeded":
                return self._done(items_of(task, "outputs"), self._billed(task))
            case "failed":
                # A failed task with an empty list says that nothing was billed.
                billed = FREE if task.get("billing") == [] else self._billed(task)
                return self._failed(str(task.get("message") or ""), billed)
            case other:
                raise ProviderError(f"kling: a task is {other!r}, which nobody knows")

    def _legacy_state(self, task: Mapping[str, Any]) -> JobState:
        units = task.get("final_unit_deduction")
        billed = self._usd(units) if units is not None else None
        match task.get("task_status"):
            case "submitted":
                return Queued()
            case "processing":
                return Running()
            case "succeed":
                result = record_of(task, "task_result")
                if sounds := list(items_of(result, "audios")):
                    return self._heard(sounds, billed)
                return self._done(items_of(result, "videos"), billed)
            case "failed":
                return self._failed(str(task.get("task_status_msg") or ""), billed)
            case other:
                raise ProviderError(f"kling: a task is {other!r}, which nobody knows")

    def _done(self, outputs: Iterable[Mapping[str, Any]], billed: Decimal | None) -> Done:
        for output in outputs:
            if output.get("type", "video") == "video" and output.get("url"):
                return Done(str(output["url"]), billed)
        raise self._api.no_clip("the task has ended without a clip")

    def _heard(self, sounds: Iterable[Mapping[str, Any]], billed: Decimal | None) -> Done:
        for sound in sounds:
            url = sound.get("url_wav") or sound.get("url") or sound.get("url_mp3")
            if url:
                return Done(str(url), billed)
        raise self._api.no_clip("the task has ended without sound")

    def _failed(self, said: str, billed: Decimal | None) -> Failed:
        trouble: Trouble = "policy" if _RISK in said.lower() else "unknown"
        reason = self._api.scrubbed(said) or "no reason is given"
        return Failed(reason, advice(Refusal(trouble)), trouble, billed)

    def _billed(self, task: Mapping[str, Any]) -> Decimal | None:
        """US dollars of what was charged: units at their price, or cash in dollars."""
        amounts = []
        for one in items_of(task, "billing"):
            if one.get("charge_type") == "unit":
                amounts.append(self._usd(one.get("amount")))
            elif one.get("charge_type") == "cash" and one.get("currency") == "USD":
                amounts.append(_decimal(one.get("amount")))
            else:
                return None
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None

    def _usd(self, units: object) -> Decimal | None:
        amount = _decimal(units)
        return None if amount is None else amount * self._unit_usd


def _judged(answer: Answer) -> Refusal | None:
    """HTTP 429 mixes throttling and no money: the code says which."""
    if not isinstance(answer.data, Mapping) or "code" not in answer.data:
        return Refusal("server", "the answer has no code") if answer.status < 300 else None
    code, said = answer.data["code"], str(answer.data.get("message") or "")
    if code == 0:
        return None
    trouble = _TROUBLES.get(code, "server") if isinstance(code, int) else "server"
    if trouble == "parameter" and _EXISTS in said.lower():
        return Refusal("parameter", said, no_job=False)
    return Refusal(trouble, f"{code} {said}".strip(), answer.after_s)


def _family(link: Link) -> str:
    """Path of a link's tasks in the legacy standard; empty on the new one."""
    if link.kind == "avatar":
        return _AVATAR
    if link.kind == "lip-sync":
        return _LIP_SYNC
    if link.heard_only:
        return _SOUNDS[link.kind]
    if link.model in _LEGACY:
        return "videos/text2video" if link.kind == "text" else "videos/image2video"
    return ""


# -- the new standard ------------------------------------------------------------------------


def _video(request: Request) -> _Call:
    link = request.link
    options = {"external_task_id": request.client_id, "watermark_info": {"enabled": False}}
    if link.kind == "motion":
        path, body = "motion-control", _motion(request)
    elif link.model in _OMNI:
        path, body = "omni-video", _omni(request)
    elif request.start:
        path, body = "image-to-video", {"contents": _frames(request)}
        body["settings"] = _settings(link)
    else:
        path, body = "text-to-video", {"prompt": _words(link)}
        body["settings"] = {**_settings(link), "aspect_ratio": Ask(link).shape}
    model = _NAMES.get(link.model, link.model)
    return _Call(f"/{path}/{model}", {**body, "options": options})


def _settings(link: Link) -> dict[str, Any]:
    settings: dict[str, Any] = {"resolution": link.resolution, "duration": ceil(link.length_s)}
    if link.model in _WITH_SHOTS:
        settings["multi_shot"] = len(link.shots) > 1
    if link.model in _WITH_SOUND:
        settings["audio"] = "native" if link.audio else "off"
    return settings


def _frames(request: Request) -> list[dict[str, Any]]:
    """Prompt, end frames, elements and voices."""
    link, contents = request.link, []
    words = _words(link)
    if words:
        contents.append({"type": "prompt", "text": words})
    for kind, path in (("first_frame", request.start), ("last_frame", request.end)):
        if path:
            contents.append({"type": kind, "url": _image(path)})
    contents += _elements(link)
    for number, voice in enumerate(link.voices, 1):
        contents.append({"type": "voice", "voice_id": voice, "id": f"voice_{number}"})
    return contents


def _omni(request: Request) -> dict[str, Any]:
    """Words, frames, references, elements and a video to look at or to change."""
    link = request.link
    contents, settings = _frames(request), _settings(link)
    for number, path in enumerate(request.files.get("reference", ()), 1):
        contents.append({"type": "refer_image", "url": _image(path), "id": f"image_{number}"})
    if link.kind == "edit" or request.file("video") or "video_url" in link.options:
        kind = "feature_video" if link.options.get("video") == "feature" else "base_video"
        contents.append({"type": kind, "url": _video_url(link), "id": "video_1"})
        settings.pop("duration")
        settings["audio"] = "original" if link.audio and kind == "base_video" else "off"
        if "multi_shot" in settings:
            settings["multi_shot"] = kind == "feature_video"
    elif not request.start:
        settings["aspect_ratio"] = Ask(link).shape
    return {"contents": contents, "settings": settings}


def _motion(request: Request) -> dict[str, Any]:
    link = request.link
    words = _words(link)
    contents: list[dict[str, Any]] = [{"type": "prompt", "text": words}] if words else []
    if request.start is None:
        raise _unfit(link, "motion control needs a start image, the look of the figure")
    contents.append({"type": "image", "url": _image(request.start)})
    contents.append({"type": "video", "url": _video_url(link)})
    settings = {
        "character_orientation": link.options.get("character_orientation", "video"),
        "audio": "original" if link.audio else "off",
        "resolution": link.resolution,
    }
    return {"contents": contents + _elements(link), "settings": settings}


def _elements(link: Link) -> list[dict[str, Any]]:
    """Elements, which a prompt calls ``@element_1`` and so on."""
    return [
        {"type": "element", "element_id": element, "id": f"element_{number}"}
        for number, element in enumerate(link.elements, 1)
    ]


def _words(link: Link) -> str:
    """The prompt; several shots in the syntax that makes cuts."""
    ask = Ask(link)
    if not ask.shots:
        return ask.words
    check_shots("kling", ask)
    # A semicolon ends a shot.
    return " ".join(
        f"shot {number}, {ceil(shot.duration_s)}, {shot.prompt.replace(';', ',')};"
        for number, shot in enumerate(ask.shots, 1)
    )


# -- the legacy standard ---------------------------------------------------------------------


def _legacy_video(request: Request) -> _Call:
    link = request.link
    name, has_mode = _LEGACY[link.model]
    if link.kind not in ("text", "image"):
        raise _unfit(link, f"{link.model} makes clips from words or a start image only")
    body: dict[str, Any] = {"model_name": name, "prompt": joined(link.prompt, link.camera)}
    if link.negative:
        body["negative_prompt"] = link.negative
    if link.guidance is not None:
        body["cfg_scale"] = link.guidance
    if has_mode:
        body["mode"] = "pro" if link.resolution == "1080p" else "std"
    body["duration"] = str(ceil(link.length_s))
    if request.start:
        body["image"] = _image(request.start)
        if request.end:
            body["image_tail"] = _image(request.end)
    else:
        body["aspect_ratio"] = Ask(link).shape
    body["external_task_id"] = request.client_id
    return _Call(f"/v1/{_family(link)}", body)


def _avatar(request: Request) -> _Call:
    link = request.link
    portrait = request.start or request.file("portrait")
    if portrait is None:
        raise _unfit(link, "an avatar needs a portrait")
    body = {
        "image": _image(portrait),
        "sound_file": _inline(_speech(request)),
        "mode": "pro" if link.resolution == "1080p" else "std",
        "external_task_id": request.client_id,
    }
    if link.prompt:
        body["prompt"] = link.prompt
    return _Call(f"/v1/{_AVATAR}", body)


def _speech(request: Request) -> Path:
    speech = request.file("speech")
    if speech is None:
        raise _unfit(request.link, "it needs a recording")
    return speech


def _token(access: str, secret: str, now_s: float) -> str:
    """An HS256 token that is good for half an hour."""
    claims = {"iss": access, "exp": int(now_s) + 1800, "nbf": int(now_s) - 5}
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signed = b".".join(_unpadded(part) for part in parts)
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + _unpadded(signature)).decode()


def _unpadded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


# -- parts -----------------------------------------------------------------------------------


def _image(path: Path) -> str:
    """An image as bare Base64, upright; what is neither PNG nor JPEG becomes PNG."""
    if path.suffix.lower() in _IMAGES and not is_turned(path):
        return _inline(path)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "image.png"
        write_png(copy, read_image(path)[..., :3])
        return _inline(copy)


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _video_url(link: Link) -> str:
    url = link.options.get("video_url")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise _unfit(
            link, "Kling takes videos by public address only; give it as "
            "`options: {video_url: https://…}`",
        )  # fmt: skip
    return url


def _unfit(link: Link, what: str, trouble: Trouble = "parameter") -> NotSubmittedError:
    return NotSubmittedError(
        f"kling: link {link.id} can't be asked for: {what}", link.where,
        "change the segment; nothing was sent.", trouble,
    )  # fmt: skip


def _with_id(tasks: Iterable[Mapping[str, Any]], client_id: str) -> str | None:
    ours = next((task for task in tasks if task.get("external_id") == client_id), None)
    return None if ours is None else _named(ours.get("id"))


def _named(id_: object) -> str:
    """The id of a task that is there, which to take for none would be to send it again."""
    if not id_:
        raise ProviderError("kling: the answer doesn't name its task", trouble="server")
    return str(id_)


def _shown_ms(face: Mapping[str, Any]) -> Decimal:
    """How long a face is seen."""
    begin, end = (_decimal(face.get(name)) or Decimal(0) for name in ("start_time", "end_time"))
    return end - begin


def _decimal(value: object) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
