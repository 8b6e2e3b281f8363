#!/bin/sh
# The command mien of an installed service, /usr/local/bin/mien: whoever calls it, it runs as the service's user, so that
# commands and service have one state and one configuration.
state=/var/lib/mien
case $(id -un) in
  mien)
    # the service's own folders, whatever the caller's environment holds
    unset XDG_CONFIG_HOME XDG_STATE_HOME
    HOME=$state STATE_DIRECTORY=$state exec /opt/mien/current/bin/mien "$@"
    ;;
  root)
    exec setpriv --reuid=mien --regid=mien --init-groups /usr/local/bin/mien "$@"
    ;;
esac
case " $(id -Gn) " in
  *" mien "* | *" sudo "*)
    exec sudo --user=mien /usr/local/bin/mien "$@" # without a password for the group mien: /etc/sudoers.d/mien
    ;;
esac
echo "mien: your user is not in the group mien: type sudo usermod -aG mien $(id -un), then log in again." >&2
exit 2
