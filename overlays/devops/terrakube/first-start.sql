-- Releases the lock of a start of Terrakube that was cut off.
--
-- Who makes or changes its tables (Liquibase) has a row say so. Where a power cut ended that, the row goes on saying it: every
-- start after waits for five minutes and gives up. What was made is whole, step by step, and the next start goes on behind it.

do $$
declare
	since timestamp;
begin
	if to_regclass('public.databasechangeloglock') is null then
		return;
	end if;
	execute 'select lockgranted from public.databasechangeloglock where locked' into since;
	if since is null then
		return;
	end if;
	-- Who was connected before may be the one that has it; who came later waits for it. Its clock is UTC's.
	if exists (select from pg_stat_activity where datname = current_database() and usename = current_user and pid <> pg_backend_pid()
		and backend_start at time zone 'UTC' <= since) then
		if current_setting('kiln.again', true) <> '' then
			return;
		end if;
		raise exception 'its tables are locked since %, and who may have locked them is still connected: tried again', since;
	end if;
	raise warning 'a start was cut off: the lock of its tables, since %, is released', since;
	update public.databasechangeloglock set locked = false, lockgranted = null, lockedby = null where locked;
end
$$;
