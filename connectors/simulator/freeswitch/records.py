"""The data record of a leg that is over, and what is said of its media."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bus import stamp

if TYPE_CHECKING:
    from .channel import Channel

Q850 = {
    "NORMAL_CLEARING": 16, "USER_BUSY": 17, "NO_ANSWER": 19, "ORIGINATOR_CANCEL": 16,
    "LOSE_RACE": 502, "SYSTEM_SHUTDOWN": 0, "NO_ROUTE_DESTINATION": 3, "SUBSCRIBER_ABSENT": 20,
    "UNALLOCATED_NUMBER": 1, "PICKED_OFF": 503,
}  # fmt: skip


def report(channel: Channel) -> dict[str, str]:
    """The call's data record, set when a leg is over."""
    times, profile = channel.times, channel.profile
    moments = {
        "start": times.created,
        "profile_start": profile.created,
        "answer": times.answered,
        "bridge": times.bridged,
        "progress": times.progress,
        "progress_media": times.progress_media,
        "end": times.hungup,
    }
    out = {
        "hangup_cause": channel.cause,
        "hangup_cause_q850": str(Q850.get(channel.cause, 16)),
        "digits_dialed": "none",
    }
    out |= {f"{name}_stamp": stamp(when / 1e6) for name, when in moments.items() if when}
    epochs = dict(moments)
    epochs.pop("end")
    for name in ("start", "profile_start", "answer", "bridge"):
        out[f"{name}_epoch"] = str(epochs[name] // 1_000_000)
        out[f"{name}_uepoch"] = str(epochs[name])
    if times.last_hold:
        out["hold_stamp"] = stamp(times.last_hold / 1e6)
    if times.holds:
        out["hold_events"] = "".join(f"{{{{{begun},{over}}}}}" for begun, over in times.holds)
    out["last_hold_epoch"] = str(times.last_hold // 1_000_000)
    out["last_hold_uepoch"] = str(times.last_hold)
    out["hold_accum_seconds"] = str(times.hold_accum // 1_000_000)
    out["hold_accum_usec"] = str(times.hold_accum)
    out["hold_accum_ms"] = str(times.hold_accum // 1000)
    for name, when in (
        ("resurrect", 0), ("progress", times.progress), ("progress_media", times.progress_media),
        ("end", times.hungup),
    ):  # fmt: skip
        out[f"{name}_epoch"] = str(when // 1_000_000)
        out[f"{name}_uepoch"] = str(when)
    application, data = channel.application
    if application and application != "uuid_bridge":
        out["last_app"] = application
        if data:
            out["last_arg"] = data
    out["caller_id"] = f'"{profile.name}" <{profile.number}>'
    spans = {
        "duration": times.hungup - times.created,
        "bill": times.hungup - times.answered if times.answered else 0,
        "progress": times.progress - times.created if times.progress else 0,
        "answer": times.answered - times.created if times.answered else 0,
        "wait": times.bridged - times.created if times.bridged else 0,
        "progress_media": times.progress_media - times.created if times.progress_media else 0,
        "flow_bill": times.hungup - times.created,
    }
    for unit, size in (("sec", 1_000_000), ("msec", 1000), ("usec", 1)):
        for name, span in spans.items():
            key = f"{name}{unit}"
            if name == "duration":
                key = {"sec": "duration", "msec": "mduration", "usec": "uduration"}[unit]
            out[key] = str(span // size)
    return out


_IN = (
    "raw_bytes", "media_bytes", "packet_count", "media_packet_count", "skip_packet_count",
    "jitter_packet_count", "dtmf_packet_count", "cng_packet_count", "flush_packet_count",
    "largest_jb_size",
)  # fmt: skip
_OUT = (
    "raw_bytes", "media_bytes", "packet_count", "media_packet_count", "skip_packet_count",
    "dtmf_packet_count", "cng_packet_count",
)  # fmt: skip
STATISTICS = {
    **{f"rtp_audio_in_{name}": "0" for name in _IN},
    "rtp_audio_in_jitter_min_variance": "0.00",
    "rtp_audio_in_jitter_max_variance": "0.00",
    "rtp_audio_in_jitter_loss_rate": "0.00",
    "rtp_audio_in_jitter_burst_rate": "0.00",
    "rtp_audio_in_mean_interval": "0.00",
    "rtp_audio_in_flaw_total": "0",
    "rtp_audio_in_quality_percentage": "100.00",
    "rtp_audio_in_mos": "4.50",
    **{f"rtp_audio_out_{name}": "0" for name in _OUT},
    "rtp_audio_rtcp_packet_count": "0",
    "rtp_audio_rtcp_octet_count": "0",
}
"""What is said of the media of a leg that had any."""
