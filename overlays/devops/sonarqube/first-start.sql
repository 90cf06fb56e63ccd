-- Takes away tables of a first start of SonarQube that was cut off.
--
-- Of an empty database SonarQube makes one with a hundred tables, in a step that it takes up again from its beginning and then
-- never gets past: the first table that is there already ends it. Until that step is over there is a row nowhere but in
-- schema_migrations. So: where anything else has a row, nothing is touched.

do $$
declare
	one name;
	used boolean;
begin
	for one in select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' loop
		execute format('select exists (select from public.%I)', one) into used;
		if used then
			return;
		end if;
	end loop;
	-- Who is connected may be a start that goes on: nothing is taken from under it.
	if exists (select from pg_tables where schemaname = 'public') and exists (select from pg_stat_activity
		where datname = current_database() and usename = current_user and pid <> pg_backend_pid()) then
		if current_setting('kiln.again', true) <> '' then
			return;
		end if;
		raise exception 'a start was cut off, and somebody is still connected: tried again';
	end if;
	for one in select tablename from pg_tables where schemaname = 'public' loop
		raise warning 'a start was cut off: table % is made anew', one;
		execute format('drop table public.%I cascade', one);
	end loop;
end
$$;
