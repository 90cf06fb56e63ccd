#!/usr/bin/env bash
# libFuzzer on the readers of what comes from outside: their seeds reach them, and 30 s (KILN_FUZZ_SECONDS) find no bad input.
# level: full
# shellcheck source=builder/tests/e2e/lib.bash
. "$(dirname "$0")/lib.bash"
cd "$repo" || exit 1
if ! can_sanitize clang; then
    skip 'fuzz targets' 'clang is not there, or its sanitizers are not'
    exit
fi
check 'make fuzz' make -s -j"$(nproc)" fuzz SECONDS=
[ "$bad" -eq 0 ] || exit

# What the seeds of a target must get to: the reader, and what it only does with good input.
declare -A reach=(
    [appliance]='appliance_load appliance_json explain_flows'
    [deb822]='control_parse status_add triggers_parse'
    [deb]='deb_unpack deb_control keep_control next_member extract_control make_dir make_file make_symlink make_hardlink set_times'
    [layer]='tar_extra_pax set_xattr add_whiteout add_implicit merge_marks resolve_link check_members'
    [gpt]='read_copy parse_entry gpt_by_uuid verity_parse bootcount_parse'
    [image]='reference_parse reference_text challenge_add index_choose manifest_read config_read pin_read'
    [lock]='lock_parse lock_text lock_uri'
    [model]='model_name_parse model_name_short model_manifest_read model_config_check model_pin_read gguf_read read_shape shape_of token_bytes read_tensor gguf_count'
    [manifest]='fill backup_time_parse manifest_text json_only_keys'
    [packages]='index_parse index_nearest'
    [yaml]='yaml_parse bind_map service_bind profile_check scenario_load firmware_load toml_check'
)
not_reached() { # NAME: functions that its seeds do not run
    local covered f
    covered=$(builder/tests/fuzz/run build-fuzz cover "$1") || echo "it ends with status $?"
    for f in ${reach[$1]:-nothing is said of it here}; do grep -qx "$f" <<<"$covered" || echo "$f"; done
}
for target in builder/tests/fuzz/*_fuzz.c; do
    name=$(basename "$target" _fuzz.c)
    if command -v llvm-symbolizer >/dev/null; then
        same "$name: the seeds reach the reader" '' "$(not_reached "$name")"
    else
        skip "$name: the seeds reach the reader" 'needs llvm-symbolizer'
    fi
    check "$name: no bad input" builder/tests/fuzz/run build-fuzz "${KILN_FUZZ_SECONDS:-30}" "$name"
done
