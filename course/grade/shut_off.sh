# Let the processes of this mount namespace see, of all files, these paths (read-only) and an empty
# folder, and nothing else but a few devices:
#
#     sh shut_off.sh FOLDER PATH...
#
# A path behind a minus is hidden again, but for those that come after it. What is in the current
# folder can be read from FOLDER, too. What is written there, or into /dev/shm, is gone with the
# namespace, and each can hold 200 MB.
set -e
folder=$1 supplies=$(pwd -P)
shift
mount --make-rprivate /
mount -t proc proc /proc
echo 0 > /proc/sys/user/max_user_namespaces || true
echo 0 > /proc/sys/kernel/shmall || true
root=$folder/.root
mkdir -p "$root"
mount -t tmpfs -o mode=755,size=4m none "$root"
while [ $# != 0 ]; do
  hidden=${1#-}
  if [ "$hidden" != "$1" ]; then
    [ ! -d "$root$hidden" ] || mount -t tmpfs -o mode=755,size=1m none "$root$hidden"
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
mkdir -p "$root/dev/shm"  # no terminal, no disk
for device in null zero full random urandom; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777,size=200m none "$root/dev/shm"
mkdir -p "$root$folder" "$root/old"
mount -t tmpfs -o size=200m none "$root$folder"
ln -s "$supplies"/* "$root$folder"
cd "$root"
pivot_root . old
umount -l /old
