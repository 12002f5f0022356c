"""Who is online: sessions, priorities, presence."""
