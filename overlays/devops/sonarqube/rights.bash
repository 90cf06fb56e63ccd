# What SonarQube gives the group of all accounts is for people instead: claims have accounts as well, and their tokens are
# good for all that their accounts may.
set -euo pipefail
call() { # PATH NAME=VALUE...
    local path=$1 form=() value
    shift
    for value in "$@"; do form+=(--data-urlencode "$value"); done
    curl -fsS -m 60 -o /dev/null -K <(printf 'user = "admin:%s"\n' "$PASSWORD") "${form[@]}" "http://127.0.0.1:9000/api/permissions/$path"
}
of_all=groupName=sonar-users of_people=groupName=$PEOPLE of_admins=groupName=$ADMINS template='templateName=Default template'
call add_group "$of_admins" permission=admin
call add_group_to_template "$template" "$of_admins" permission=admin
for p in scan provisioning; do
    call add_group "$of_people" permission=$p
    call add_group "$of_admins" permission=$p
    call remove_group "$of_all" permission=$p
done
# For the projects to come.
for p in user codeviewer issueadmin securityhotspotadmin; do
    call add_group_to_template "$template" "$of_people" permission=$p
    call add_group_to_template "$template" "$of_admins" permission=$p
    call remove_group_from_template "$template" "$of_all" permission=$p
done
