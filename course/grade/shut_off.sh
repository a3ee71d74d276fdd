# Let a command see, of all files, these paths (read-only) and the current folder, and nothing else:
#
#     sh shut_off.sh PATH... -- COMMAND
#
# A path behind a minus is hidden again, but for those that come after it.
# In user and mount namespaces of its own, as unshare(1) makes them. The command has no privileges
# with which it could undo this.
set -e
folder=$(pwd -P)
root=$folder/.root
mkdir -p "$root"
mount -t tmpfs -o mode=755 none "$root"
while [ "$1" != -- ]; do
  hidden=${1#-}
  if [ "$hidden" != "$1" ]; then
    [ ! -d "$root$hidden" ] || mount -t tmpfs -o mode=755 none "$root$hidden"
  elif [ -L "$1" ]; then
    mkdir -p "$root$(dirname "$1")"
    [ -e "$root$1" ] || cp -P "$1" "$root$1"
  else
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    mount -o remount,bind,ro "$root$1"
  fi
  shift
done
shift
mount -t tmpfs -o mode=1777 none "$root/dev/shm"
mkdir -p "$root$folder" "$root/old"
mount --bind "$folder" "$root$folder"
cd "$root"
pivot_root . old
cd "$folder"
umount -l /old
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
