"""The variables a leg has at each point of its life, by the recordings: names, order, shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .channel import Channel

HOST = "127.0.0.1"
PORT = 5080
"""Where the profile ``internal`` listens."""
_PROFILE = f"sip:mod_sofia@{HOST}:{PORT}"
CODEC = "CORE_PCM_MODULE.PCMA@8000h@20i@64000b"


def _sdp(origin: str, port: str, payloads: str = "8 101", more: str = "") -> str:
    name = "-" if not origin.startswith("FreeSWITCH") else "FreeSWITCH"
    return (
        f"v=0\r\no={origin} IN IP4 {HOST}\r\ns={name}\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {payloads}\r\na=rtpmap:8 PCMA/8000\r\n"
        f"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n{more}"
    )


def incoming(channel: Channel, *, port: int, dialled: str, user: str, tag: str) -> dict[str, str]:
    """An INVITE that came in from telephone `user` at `port`."""
    number, name = channel.profile.orig[1], channel.profile.orig[0]
    address, target = f"{user}@{HOST}:{port}", f"{dialled}@{HOST}:{PORT}"
    moment = str(channel.times.created)
    return {
        "direction": "inbound",
        "uuid": channel.uuid,
        "call_uuid": channel.uuid,
        "session_id": str(channel.session),
        "sip_from_user": user,
        "sip_from_port": str(port),
        "sip_from_uri": address,
        "sip_from_host": HOST,
        "video_media_flow": "disabled",
        "audio_media_flow": "disabled",
        "text_media_flow": "disabled",
        "channel_name": channel.name,
        "sip_call_id": f"{tag}@{HOST}",
        "sip_local_network_addr": HOST,
        "sip_network_ip": HOST,
        "sip_network_port": str(port),
        "sip_invite_stamp": moment,
        "sip_received_ip": HOST,
        "sip_received_port": str(port),
        "sip_via_protocol": "udp",
        "sip_from_user_stripped": number.lstrip("+"),
        "sip_from_tag": f"{tag}T1",
        "sofia_profile_name": "internal",
        "sofia_profile_url": _PROFILE,
        "recovery_profile_name": "internal",
        "sip_full_via": f"SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK-{tag}-1-0",
        "sip_from_display": name,
        "sip_full_from": f'"{name}" <sip:{address}>;tag={tag}T1',
        "sip_full_to": f"<sip:{target}>",
        "sip_req_user": dialled,
        "sip_req_port": str(PORT),
        "sip_req_uri": target,
        "sip_req_host": HOST,
        "sip_to_user": dialled,
        "sip_to_port": str(PORT),
        "sip_to_uri": target,
        "sip_to_host": HOST,
        "sip_contact_user": user,
        "sip_contact_port": str(port),
        "sip_contact_uri": address,
        "sip_contact_host": HOST,
        "rtp_use_codec_string": "PCMU,PCMA",
        "sip_user_agent": "caller-ua",
        "sip_via_host": HOST,
        "sip_via_port": str(port),
        "max_forwards": "70",
    }


def offered(port: int) -> dict[str, str]:
    """What the INVITE's body adds; its headers stand before."""
    return {
        "switch_r_sdp": _sdp("user1 53655765 2353687637", str(port + 939)),
        "ep_codec_string": CODEC,
        "endpoint_disposition": "DELAYED NEGOTIATION",
    }


def registered(user: str, display: str, domain: str) -> dict[str, str]:
    """Of a leg whose user proved who it is, from the directory; as the sample set-up has it."""
    return {
        "sip_authorized": "true",
        "sip_auth_username": user,
        "sip_auth_realm": domain,
        "requested_user_name": user,
        "requested_domain_name": domain,
        **directory(user, display),
        "user_name": user,
        "domain_name": domain,
    }


def directory(user: str, display: str) -> dict[str, str]:
    """What the directory says of a user."""
    return {
        "user_context": "default",
        "effective_caller_id_name": display or user,
        "effective_caller_id_number": user,
    }


_CODECS = {
    "remote_video_media_flow": "inactive",
    "remote_text_media_flow": "inactive",
    "remote_audio_media_flow": "sendrecv",
    "audio_media_flow": "sendrecv",
    "rtp_audio_recv_pt": "8",
    "rtp_use_codec_name": "PCMA",
    "rtp_use_codec_rate": "8000",
    "rtp_use_codec_ptime": "20",
    "rtp_use_codec_channels": "1",
    "rtp_last_audio_codec_string": "PCMA@8000h@20i@1c",
    "read_codec": "PCMA",
    "original_read_codec": "PCMA",
    "read_rate": "8000",
    "original_read_rate": "8000",
    "write_codec": "PCMA",
    "write_rate": "8000",
    "dtmf_type": "rfc2833",
}


def media(channel: Channel, *, local: int, remote: int) -> dict[str, str]:
    """Codecs and ports, once they are agreed."""
    return {
        **_CODECS,
        "local_media_ip": HOST,
        "local_media_port": str(local),
        "advertised_media_ip": HOST,
        "rtp_use_timer_name": "soft",
        "rtp_use_pt": "8",
        "rtp_use_ssrc": str(int(channel.uuid[:8], 16)),
        "rtp_2833_send_payload": "101",
        "rtp_2833_recv_payload": "101",
        "remote_media_ip": HOST,
        "remote_media_port": str(remote),
    }


def own_sdp(channel: Channel, local: int, *, offer: bool = False) -> dict[str, str]:
    """What FreeSWITCH offers or answers."""
    number = channel.times.created // 1_000_000
    payloads = "8 101 13" if offer else "8 101"
    more = "a=rtpmap:13 CN/8000\r\n" if offer else ""
    text = _sdp(
        f"FreeSWITCH {number} {number + 1}",
        str(local),
        payloads,
        f"{more}a=ptime:20\r\na=sendrecv\r\n",
    )
    return {"rtp_local_sdp_str": text}


def acknowledged(channel: Channel, tag: str) -> dict[str, str]:
    """What the ACK of an answered call adds."""
    via = channel.get("sip_full_via")
    return {
        "sip_to_tag": tag,
        "sip_from_tag": channel.get("sip_from_tag"),
        "sip_cseq": "1",
        "sip_call_id": channel.get("sip_call_id"),
        "sip_full_via": via[:-1] + "5",
        "sip_from_display": channel.get("sip_from_display"),
        "sip_full_from": channel.get("sip_full_from"),
        "sip_full_to": f"{channel.get('sip_full_to').partition(';')[0]};tag={tag}",
    }


def outgoing(channel: Channel, *, user: str, port: int) -> dict[str, str]:
    """The first variables of a leg to telephone `user` at `port`."""
    return {
        "direction": "outbound",
        "is_outbound": "true",
        "uuid": channel.uuid,
        "call_uuid": channel.uuid,
        "session_id": str(channel.session),
        "sip_local_network_addr": HOST,
        "sip_profile_name": "internal",
        "video_media_flow": "disabled",
        "text_media_flow": "disabled",
        "channel_name": channel.name,
        "sip_destination_url": f"sip:{user}@{HOST}:{port}",
    }


def loopback(channel: Channel) -> dict[str, str]:
    """The first variables of a half of a loopback pair."""
    outbound = {"is_outbound": "true"} if channel.direction == "outbound" else {}
    return {
        "direction": channel.direction,
        **outbound,
        "uuid": channel.uuid,
        "call_uuid": channel.uuid,
        "session_id": str(channel.session),
        "channel_name": channel.name,
        "read_codec": "L16",
        "read_rate": "8000",
        "write_codec": "L16",
        "write_rate": "8000",
    }


def by_gateway(gateway: str) -> dict[str, str]:
    """What differs of a leg that goes out through a gateway."""
    return {"sip_gateway_name": gateway, "sip_profile_name": "gateway"}


def invited_by_gateway(gateway: str) -> dict[str, str]:
    """What differs in its INVITE."""
    contact = f"sip:gw+{gateway}@{HOST}:{PORT};transport=udp;gw={gateway}"
    return {
        "sip_outgoing_contact_uri": f"<{contact}>",
        "sip_from_host": HOST,
        "sofia_profile_name": "external",
        "recovery_profile_name": "external",
    }


def dialled(*, user: str, domain: str) -> dict[str, str]:
    """What ``user/…`` adds."""
    return {
        "dialed_user": user,
        "dialed_domain": domain,
        "sip_invite_domain": domain,
        "presence_id": f"{user}@{domain}",
    }


def invited(channel: Channel, *, user: str, port: int, local: int, domain: str) -> dict[str, str]:
    """What an INVITE that was sent adds."""
    return {
        "originate_endpoint": "sofia",
        "rtp_use_codec_string": channel.get("originator_codec") or "PCMU,PCMA",
        "local_media_ip": HOST,
        "local_media_port": str(local),
        "advertised_media_ip": HOST,
        "audio_media_flow": "sendrecv",
        **own_sdp(channel, local, offer=True),
        "sip_outgoing_contact_uri": f"<{_PROFILE}>",
        "sip_req_uri": f"{user}@{HOST}:{port}",
        "sip_to_host": f"{HOST}:{port}",
        "sip_from_host": domain,
        "sofia_profile_name": "internal",
        "recovery_profile_name": "internal",
        "sofia_profile_url": _PROFILE,
    }


def rings(channel: Channel, *, user: str, port: int, tag: str, domain: str) -> dict[str, str]:
    """What a ``180 Ringing`` that came back adds."""
    profile = channel.profile
    via = f"SIP/2.0/UDP {HOST}:{PORT};rport;branch=z9hG4bK{tag}"
    sender = f"{profile.number}@{domain}"
    return {
        "sip_reply_host": HOST,
        "sip_reply_port": str(port),
        "sip_network_ip": HOST,
        "sip_network_port": str(port),
        "sip_user_agent": "agent-ua",
        "sip_recover_contact": f"<sip:agent@{HOST}:{port}>",
        "sip_full_via": via,
        "sip_recover_via": via,
        "sip_from_display": profile.name,
        "sip_full_from": f'"{profile.name}" <sip:{sender}>;tag={tag[::-1]}',
        "sip_full_to": f"<sip:{user}@{HOST}:{port}>;tag={tag}A1",
        "sip_from_user": profile.number,
        "sip_from_uri": sender,
        "sip_to_user": user,
        "sip_to_port": str(port),
        "sip_to_uri": f"{user}@{HOST}:{port}",
        "sip_to_host": HOST,
        "sip_contact_user": "agent",
        "sip_contact_port": str(port),
        "sip_contact_uri": f"agent@{HOST}:{port}",
        "sip_contact_host": HOST,
        "sip_to_tag": f"{tag}A1",
        "sip_from_tag": tag[::-1],
        "sip_cseq": "123154145",
        "sip_call_id": channel.uuid[::-1],
    }


def accepted(port: int) -> dict[str, str]:
    """What the body of a ``200 OK`` that came back adds."""
    return {
        "switch_r_sdp": _sdp("agent 53655765 2353687637", str(port + 1049)),
        "ep_codec_string": CODEC,
        "rtp_use_codec_string": CODEC,
    }
