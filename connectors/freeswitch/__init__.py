"""The FreeSWITCH half: ESL to domain events, effects to ESL; nothing of it leaves this folder."""
