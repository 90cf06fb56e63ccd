#!/bin/sh
# What deb-systemd-helper does in its usual cases, within the shell; anything else is left to it.
real=/tmp/kiln-shortcuts/deb-systemd-helper
instance=system helper=deb-systemd-helper quiet=
if [ -z "$DPKG_MAINTSCRIPT_PACKAGE" ] || [ -n "$DPKG_ROOT$_DEB_SYSTEMD_HELPER_DEBUG$_DEB_SYSTEMD_HELPER_PURGE" ]; then
	exec $real "$@"
fi
n=0 action='' unit=''
for arg; do
	case $arg in
	--quiet) quiet=1 ;;
	--user) instance=user helper=deb-systemd-user-helper ;;
	--system) ;;
	-*|*/*|*@*) exec $real "$@" ;;
	*)
		n=$((n + 1))
		if [ $n = 1 ]; then action=$arg; else unit=$arg; fi
		;;
	esac
done
[ $n = 2 ] || exec $real "$@"
state=/var/lib/systemd/$helper-enabled
also=$state/$unit.dsh-also

# Sets path and links: what the unit's [Install] section asks for. Fails where that is not simple.
read_links() {
	links=
	for path in /etc/systemd/$instance/$unit /lib/systemd/$instance/$unit /usr/lib/systemd/$instance/$unit ''; do
		[ ! -f "$path" ] || break
	done
	[ -n "$path" ] || return 1
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		WantedBy=*|RequiredBy=*) ;;
		*[Ww][Aa][Nn][Tt][Ee][Dd][Bb][Yy]=*|*[Rr][Ee][Qq][Uu][Ii][Rr][Ee][Dd][Bb][Yy]=*|*[Aa][Ll][Ss][Oo]=*|*[Aa][Ll][Ii][Aa][Ss]=*|\
		*[Dd][Ee][Ff][Aa][Uu][Ll][Tt][Ii][Nn][Ss][Tt][Aa][Nn][Cc][Ee]=*) return 1 ;;
		*) continue ;;
		esac
		value=${line#*=}
		case $value in ''|' '*|*[!A-Za-z0-9._:\ -]*) return 1 ;; esac
		case $line in WantedBy=*) kind=wants ;; *) kind=requires ;; esac
		for target in $value; do
			links="$links/etc/systemd/$instance/$target.$kind/$unit
"
		done
	done <"$path"
}

write_state() {
	[ -d "$state" ] || mkdir -p "$state"
	printf %s "$links" >"$also"
}

case $action in
debian-installed)
	[ -f "$also" ]
	exit
	;;
was-enabled)
	answer=enabled
	if [ -f "$also" ]; then
		while IFS= read -r link; do
			[ -L "$link" ] || answer=disabled
		done <"$also"
	fi
	[ -n "$quiet" ] || echo $answer >&2
	[ $answer = enabled ]
	exit
	;;
unmask)
	if [ ! -e "/etc/systemd/$instance/$unit" ] && [ ! -d /var/lib/systemd/deb-systemd-helper-masked ] &&
		[ ! -d /var/lib/systemd/deb-systemd-user-helper-masked ]; then
		exit 0
	fi
	;;
update-state)
	if read_links; then
		write_state
		exit
	fi
	;;
enable)
	if [ ! -e "$also" ] && [ -x /bin/systemctl ] && read_links; then
		case $instance in user) scope=--global ;; *) scope=--system ;; esac
		systemctl --root=/ $scope --preset-mode=enable-only preset "$unit" || exec $real "$@"
		[ -z "$links" ] || write_state
		for link in $links; do
			mark=$state/${link#/etc/systemd/"$instance"/}
			[ ! -e "$mark" ] || continue
			[ -d "${mark%/*}" ] || mkdir -p "${mark%/*}"
			: >>"$mark"
		done
		exit 0
	fi
	;;
esac
exec $real "$@"
