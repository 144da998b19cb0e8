#include "base/io.h"
#include "cli/doctor_report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

static bool below_us(const char *file, const char *word)
{
    AUTO(buf) struct buf text = BUF_MAX(65536);

    return !io_read_file(file, 65536, &text, NULL) && strstr(buf_str(&text), word);
}

static const char *container(void)
{
    static const struct {
        const char *file, *name;
    } marks[] = {
        { "/.dockerenv", "a Docker container" },
        { "/run/.containerenv", "a Podman container" },
        { "/run/systemd/container", "a container" },
    };

    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (!access(marks[i].file, F_OK))
            return marks[i].name;
    if (getenv("container"))
        return "a container";
    if (below_us("/proc/1/comm", "bwrap") || below_us("/proc/1/comm", "sandbox"))
        return "another sandbox";
    return NULL;
}

/* Inside of what we run: it may forbid what a sandbox needs. */
void doctor_surroundings(struct doctor *d)
{
    bool mapped = !below_us("/proc/self/uid_map", "4294967295");
    bool filtered = below_us("/proc/self/status", "Seccomp:\t2");
    bool stuck = below_us("/proc/self/status", "NoNewPrivs:\t1");
    const char *in = container();

    if (!in && !mapped && !filtered && !stuck) {
        doctor_say(d, DOCTOR_OK, "are no container and no other sandbox");
        return;
    }
    doctor_say(d, DOCTOR_OK, "are %s%s%s%s: what is forbidden there is forbidden in a sandbox too",
               in ? in : "not a known container", mapped ? ", a user namespace" : "",
               filtered ? ", a system call filter" : "", stuck ? ", no_new_privs" : "");
}

struct hierarchy {
    char path[PATH_MAX];
    bool writable;
};

/* Where this process is in a hierarchy; controller "" is version 2. */
static bool own_group(const char *controller, struct hierarchy *out)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX];
    bool found = false;

    while (f && !found && fgets(line, sizeof(line), f)) {
        char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *names++ = *path++ = '\0';
        path[strcspn(path, "\n")] = '\0';
        found = !strcmp(names, controller);
        if (found)
            snprintf(out->path, sizeof(out->path), "/sys/fs/cgroup%s%s%s", *controller ? "/" : "",
                     controller, path);
    }
    if (f)
        fclose(f);
    out->writable = found && !access(out->path, W_OK);
    return found;
}

void doctor_control_groups(struct doctor *d)
{
    struct hierarchy v2, memory, pids;
    char file[PATH_MAX + 32];

    if (own_group("", &v2) && v2.writable) {
        snprintf(file, sizeof(file), "%s/cgroup.controllers", v2.path);
        if (below_us(file, "memory") && below_us(file, "pids")) {
            doctor_say(d, DOCTOR_OK, "v2, delegated: --memory and --pids are enforced by it");
            return;
        }
    }
    if (!geteuid() && own_group("memory", &memory) && own_group("pids", &pids) && memory.writable &&
        pids.writable) {
        doctor_say(d, DOCTOR_OK, "v1, as root: --memory and --pids are enforced by it");
        return;
    }
    doctor_say(d, DOCTOR_WARN,
               "cannot be made here: --memory is not enforced; wall-clock, output, "
               "processes, open files and the sizes of /tmp and /dev/shm are");
    doctor_fix("start the server with a group of its own, e.g. `systemd-run --user --scope "
               "-p Delegate=yes sandbox-mcp ...`, or from a unit with Delegate=yes");
}

static const char *file_system(const char *path)
{
    static const struct {
        long magic;
        const char *name;
    } known[] = {
        { 0xef53, "ext4" },      { 0x58465342, "xfs" },     { 0x9123683e, "btrfs" },
        { 0x01021994, "tmpfs" }, { 0x794c7630, "overlay" }, { 0x2fc12fc1, "zfs" },
        { 0x6969, "nfs" },       { 0x65735546, "fuse" },    { 0x01021997, "9p" },
        { 0xf2f52010, "f2fs" },  { 0xff534d42, "cifs" },
    };
    struct statfs st;

    if (statfs(path, &st))
        return "unknown";
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if ((long)st.f_type == known[i].magic)
            return known[i].name;
    return "another file system";
}

static bool state_path(const struct options *o, char out[PATH_MAX])
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (o->state_dir)
        snprintf(out, PATH_MAX, "%s", o->state_dir);
    else if (!geteuid())
        snprintf(out, PATH_MAX, "/var/lib/sandbox-mcp");
    else if (xdg && *xdg == '/')
        snprintf(out, PATH_MAX, "%s/sandbox-mcp", xdg);
    else if (home && *home == '/')
        snprintf(out, PATH_MAX, "%s/.local/state/sandbox-mcp", home);
    else
        return false;
    return true;
}

/* Tried: permissions alone do not tell it of root, nor of /proc. */
static bool writable(const char *dir)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/.doctor-XXXXXX", dir);
    return mkdtemp(path) && !rmdir(path);
}

void doctor_state(struct doctor *d)
{
    char path[PATH_MAX], there[PATH_MAX];
    struct statvfs space;
    char *slash;

    if (!state_path(d->options, path) || path[0] != '/') {
        doctor_say(d, DOCTOR_FAIL, "has no place: %s", path[0] == '/' ? "" : "no home");
        doctor_fix("--state-dir with an absolute path");
        return;
    }
    memcpy(there, path, sizeof(there));
    while (access(there, F_OK) && (slash = strrchr(there, '/')) && slash != there)
        *slash = '\0';
    if (!writable(there)) {
        doctor_say(d, DOCTOR_FAIL, "%s: %s cannot be written: %s", path, there, strerror(errno));
        doctor_fix("another place with --state-dir");
        return;
    }
    if (statvfs(there, &space)) {
        doctor_say(d, DOCTOR_FAIL, "%s: %s", there, strerror(errno));
        return;
    }
    if (space.f_flag & ST_NOEXEC) {
        doctor_say(d, DOCTOR_FAIL,
                   "%s: its file system is mounted noexec, and the agent is run "
                   "from there",
                   path);
        doctor_fix("another place with --state-dir");
        return;
    }
    doctor_say(d, DOCTOR_OK, "%s (%s, %.1f GB free)", path, file_system(there),
               (double)space.f_bavail * (double)space.f_frsize / 1e9);
}
