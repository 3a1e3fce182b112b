"""The doors of the tiny server: static files, both pages, pictures and video, the API."""

from __future__ import annotations

import base64
import json
import re
import socket
import uuid
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from apps.annotation.domain.comparing import changes
from tests.browser.devcarry import Carrying
from tests.browser.devlabels import ADJUDICATION, CLIP, CONSENSUS, OTHER, PASSWORD, SET
from tests.browser.devwindows import CHUNK, chunks, in_window, outline

if TYPE_CHECKING:
    from tests.browser.devserver import World

ROOT = Path(__file__).resolve().parents[2]
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; base-uri 'none'; "
    "form-action 'self'"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json"}
RANGE_CAP_BYTES = 4 * 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    """Routes by method and path; JSON in, JSON out."""

    protocol_version = "HTTP/1.1"
    world: World

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _break_off(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _json(self, value: object, status: int = 200) -> None:
        self._answer(status, json.dumps(value).encode(), "application/json")

    def _refuse(self, status: int, code: str, message: str = "") -> None:
        self._json({"error": {"code": code, "message": message or code}}, status)

    def _page(self, template: str, **values: str) -> None:
        text = (ROOT / "templates" / "workspace" / template).read_text()
        text = re.sub(r"{% static '([^']+)' %}", r"/static/\1", text)
        text = re.sub(r"""{% translate ["']([^"']+)["'] %}""", r"\1", text)
        text = re.sub(r"{{ ([\w.]+) }}", lambda m: values.get(m.group(1), ""), text)
        text = re.sub(r"{%[^%]*%}", "", text)
        self._answer(200, text.encode(), "text/html; charset=utf-8", Content_Security_Policy=CSP)

    def do_GET(self) -> None:
        path, world = self.path.split("?")[0], self.world
        if path.startswith("/static/"):
            file = (ROOT / path.lstrip("/")).resolve()
            if not file.is_relative_to(ROOT / "static") or not file.is_file():
                return self._refuse(404, "not_found")
            return self._answer(200, file.read_bytes(), TYPES.get(file.suffix, "text/plain"))
        if path == f"/clips/{CLIP}/work/":
            return self._page(
                "workspace.html",
                **{"clip.pk": CLIP, "label_set.pk": SET, "csrf_token": "t"},
                **{"clip.state": world.clip()["state"]},
            )
        if path == f"/adjudications/{ADJUDICATION}/":
            return self._page(
                "adjudication.html", **{"adjudication.pk": ADJUDICATION, "csrf_token": "t"}
            )
        if not world.online:
            return self._break_off()
        if not world.signed_in:
            return self._refuse(401, "signed_out", "Sign in")
        if path == f"/api/v1/clips/{OTHER}/":
            return self._json(json.loads(json.dumps(world.clip()).replace(CLIP, OTHER)))
        path = path.replace(OTHER, CLIP)
        if path == f"/api/v1/clips/{CLIP}/examples/":
            return self._json({"examples": world.examples})
        if path == f"/api/v1/clips/{CLIP}/beside/":
            return self._json(world.beside)
        if path == f"/api/v1/clips/{CLIP}/procedure/":
            return self._json({"position": 0, "duration_s": 0, "parts": []})
        if path == f"/api/v1/clips/{CLIP}/segments/":
            return self._json({"state": "indexing", "segments": world.segments()})
        if re.fullmatch(rf"/clips/{CLIP}/(review|segments/\d+)\.mp4", path):
            return self._video()
        if path == f"/api/v1/clips/{CLIP}/":
            return self._json(world.clip())
        if path == f"/api/v1/clips/{CLIP}/index.json":
            return self._json(world.index)
        if found := re.fullmatch(rf"/api/v1/clips/{CLIP}/frames/(\d+)\.png", path):
            if int(found[1]) >= world.index["n_frames"]:
                return self._refuse(404, "not_found")
            return self._answer(200, world.picture(int(found[1])), "image/png")
        if (found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/", path)) and found[
            1
        ] in world.sets:
            return self._json(world.label_set(found[1]))
        if found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/operations/", path):
            with world.lock:
                asked = dict(parse_qsl(urlsplit(self.path).query))
                return self._json(world.sets[found[1]].since(asked))
        if found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/proposals/", path):
            return self._json({"sources": world.proposals.get(found[1], [])})
        if found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/revisions/", path):
            return self._json(world.sets[found[1]].told())
        to = dict(parse_qsl(urlsplit(self.path).query)).get("to")
        if to and (found := re.fullmatch(r".*/label-sets/([\w-]+)/revisions/(\d+)/.*", path)):
            held = world.sets[found[1]]
            return self._json({"changes": changes(held.at(int(found[2])), held.at(int(to)))})
        if found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/revisions/\d+/(changes/)?", path):
            older = world.a
            if found[2]:
                return self._json({"changes": changes(older, world.sets[found[1]].labels)})
            return self._json({"labels": older})
        if path == f"/api/v1/clips/{CLIP}/comments/":
            return self._json({"threads": world.threads})
        if path == f"/api/v1/clips/{CLIP}/findings/":
            return self._json({"findings": world.findings})
        if path == "/api/v1/me/keys/":
            return self._json(world.keys)
        if found := re.fullmatch(
            r"/api/v1/(?:label-sets|beside)/([\w-]+)/(outline|keyframes)/", path
        ):
            return self._json(self._part(found[1], found[2] == "outline"))
        if path == "/api/v1/me/":
            return self._json(
                {
                    "username": "surgeon",
                    "display_name": "Surgeon",
                    "roles": world.roles,
                    "user_key": base64.b64encode(bytes(range(32))).decode(),
                }
            )
        if path == f"/api/v1/adjudications/{ADJUDICATION}/":
            return self._json(world.adjudication())
        if path == f"/api/v1/adjudications/{ADJUDICATION}/statement/":
            return self._json(world.to_be_signed())
        if held := world.carrying.get(path.rstrip("/").rpartition("/")[2]):
            return self._json(held.answer(world.is_let_go))
        return self._refuse(404, "not_found")

    def _part(self, name: str, is_outline: bool) -> dict[str, Any]:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        self.world.windows.append(asked)
        held = self.world.sets[name]
        if "track" in asked:
            return {"revision": held.revision, "tracks": chunks(held.labels, asked["track"])}
        window = range(int(asked["from"]) // CHUNK, (int(asked["to"]) - 1) // CHUNK + 1)
        read = {track: in_window(chunks(held.labels, track)[track], window)
                for track in held.labels["tracks"]}  # fmt: skip
        if not is_outline:
            return {"revision": held.revision, "tracks": read}
        whole = self.world.label_set(name)
        return {**whole, "labels": outline(held.labels, read)}

    def _video(self) -> None:
        data = self.world.video
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not found:
            return self._answer(200, data, "video/mp4", Accept_Ranges="bytes")
        start = int(found[1])
        end = min(int(found[2] or len(data) - 1), len(data) - 1, start + RANGE_CAP_BYTES - 1)
        if start >= len(data):
            return self._answer(416, b"", "video/mp4", Content_Range=f"bytes */{len(data)}")
        self.world.ranges.append(end - start + 1)
        self._answer(
            206,
            data[start : end + 1],
            "video/mp4",
            Accept_Ranges="bytes",
            Content_Range=f"bytes {start}-{end}/{len(data)}",
        )

    def do_POST(self) -> None:
        world = self.world
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if not world.online:
            return self._break_off()
        if self.path == "/api/v1/session/":
            if body.get("password") != PASSWORD:
                return self._refuse(403, "wrong_password", "User name or password is wrong")
            world.signed_in = True
            return self._json({"username": "surgeon", "csrf": "t"})
        if not world.signed_in:
            return self._refuse(401, "signed_out", "Sign in")
        with world.lock:
            self._change(body)

    def _change(self, body: dict[str, Any]) -> None:
        world = self.world
        if found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/operations/", self.path):
            status, value = world.sets[found[1]].take(body)
            return self._json(value, status)
        if self.path.endswith("/cancel/"):
            held = world.carrying[self.path.split("/")[-3]]
            held.state = "cancelled"
            return self._json(held.answer(False))
        if self.path.endswith("/propagations/"):
            made = Carrying(body, world.ontology())
            world.carrying[made.id] = made
            return self._json(made.answer(False), 202)
        if found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/submit/", self.path):
            world.sets[found[1]].state = "submitted"
            return self._json({"state": "submitted"})
        if self.path == "/api/v1/me/keys/":
            world.keys = body
            return self._json(body)
        if found := re.fullmatch(r"/api/v1/label-sets/([\w-]+)/time/", self.path):
            world.spells[body["page"]] = body
            return self._json({"active_s": body["active_s"]})
        if "/comments/" in self.path:
            return self._comment(body)
        if self.path == f"/api/v1/clips/{CLIP}/findings/":
            said = {"state": "flagged", "said": "waits for the data steward"}
            world.findings.append({"id": str(uuid.uuid4()), **body, **said})
            return self._json(world.findings[-1], 201)
        if self.path == f"/api/v1/clips/{CLIP}/examples/":
            url = f"/api/v1/clips/{CLIP}/frames/{body['frame_index']}.png"
            world.examples.append({**body, "id": str(uuid.uuid4()), "clip": CLIP, "frame_url": url})
            return self._json(world.examples[-1], 201)
        if self.path.endswith("/remove/"):
            gone = self.path.split("/")[-3]
            world.examples = [one for one in world.examples if one["id"] != gone]
            return self._json({"id": gone})
        if self.path.endswith("/watched/"):
            if CLIP in self.path:
                world.watched += body["spans"]
            return self._json({})
        if self.path == f"/api/v1/adjudications/{ADJUDICATION}/decide/":
            return self._decide(body)
        if self.path == f"/api/v1/adjudications/{ADJUDICATION}/sign/":
            world.answered = body.get("passkey")
            if world.answered is None and body.get("password") != PASSWORD:
                return self._refuse(403, "wrong_password", "The password is wrong")
            if any(not d["decision"] for d in world.disagreements()):
                return self._refuse(409, "undecided", "Something is undecided")
            world.signature = {
                "name": "Dr. C. Adjudicator",
                "time": "2026-11-24T13:00:00Z",
                "holds": True,
                "meaning": "Responsible for this consensus",
                "digest": "5f" * 32,
            }
            return self._json({"state": "signed", "signature": world.signature})
        return self._refuse(404, "not_found")

    def _comment(self, body: dict[str, Any]) -> None:
        world, parts = self.world, self.path.strip("/").split("/")
        if parts[-1] == "comments":
            held = world.sets[parts[3]].labels
            if body["object"] and body["object"] not in {**held["tracks"], **held["intervals"]}:
                return self._refuse(400, "unknown_object", "The label set has no such object.")
            thread = {"id": str(uuid.uuid4()), "label_set": parts[3], "settled": False}
            thread |= {k: body[k] for k in ("clip", "frame_index", "object")} | {"comments": []}
            world.threads.append(thread)
        else:
            thread = next(t for t in world.threads if t["id"] == parts[3])
        if parts[-1] == "settle":
            thread["settled"] = body["settled"]
        else:
            thread["comments"].append({"by": "you", "text": body["text"], "at": ""})
        return self._json(thread)

    def _decide(self, body: dict[str, Any]) -> None:
        world = self.world
        row = next(d for d in world.disagreements() if d["id"] == body["disagreement"])
        if body["decision"] == "redraw" and not body.get("reason"):
            return self._refuse(400, "invalid", "A reason is needed")
        world.decisions[row["id"]] = body["decision"]
        consensus, key = world.sets[CONSENSUS], row["id"] + "-consensus"
        side = world.b if body["decision"] == "b" or not row["a"] else world.a
        source = row["b"] if body["decision"] == "b" or not row["a"] else row["a"]
        for part in ("tracks", "intervals"):
            consensus.labels[part].pop(key, None)
            if body["decision"] in ("a", "b") and source in side[part]:
                consensus.labels[part][key] = json.loads(json.dumps(side[part][source]))
        consensus.revision += 1
        whole = world.adjudication()
        self._json(
            {
                "disagreements": whole["disagreements"],
                "consensus": whole["consensus"],
                "statement": whole["statement"],
            }
        )
