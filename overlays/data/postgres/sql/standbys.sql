-- Fails until as many standbys stream as there should be. Before that, a synchronous cluster would hold every commit.
\getenv wanted MEMBERS_WANTED
select count(*) + 1 >= :wanted as complete from pg_stat_replication where state = 'streaming' \gset
\if :complete
\else
	\warn 'not every standby streams yet'
	select 1 / 0;
\endif
