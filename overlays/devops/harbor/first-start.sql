-- Takes away what a first start of Harbor made that was cut off.
--
-- Harbor makes its tables in steps. While it takes one the database is marked as dirty, and from a dirty one it never starts again:
-- nobody knows how far that step came. The first thing it does with all tables made is to give its administrator a password, and the
-- salt of it. So: where the database is not dirty, or anybody has a salt, nothing is touched.

set client_min_messages = warning;
do $$
declare
	step bigint;
	used boolean;
	one text;
begin
	if to_regclass('public.schema_migrations') is null then
		return;
	end if;
	execute 'select version from public.schema_migrations where dirty' into step;
	if step is null then
		return;
	end if;
	if to_regclass('public.harbor_user') is null then
		used := exists (select from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations');
	else
		execute 'select exists (select from public.harbor_user where salt <> '''')' into used;
	end if;
	if used then
		raise exception 'an upgrade was cut off in its step %: Harbor does not start with this database; restore postgres from a backup of before it', step;
	end if;
	-- Who is connected may be a start that goes on: nothing is taken from under it.
	if exists (select from pg_stat_activity where datname = current_database() and usename = current_user and pid <> pg_backend_pid()) then
		if current_setting('kiln.again', true) <> '' then
			return;
		end if;
		raise exception 'a first start was cut off in its step %, and somebody is still connected: tried again', step;
	end if;
	raise warning 'a first start was cut off in its step %: all is made anew', step;
	for one in select format('table public.%I', tablename) from pg_tables where schemaname = 'public' and tableowner = current_user loop
		execute 'drop ' || one || ' cascade';
	end loop;
	for one in select oid::regprocedure from pg_proc where pronamespace = 'public'::regnamespace and proowner = current_user::regrole loop
		execute 'drop routine ' || one;
	end loop;
end
$$;
