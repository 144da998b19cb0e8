#include "backend/local/seccomp.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define LOW32 0xffffffffULL
#define PROGRAM_MAX (64 * 1024)

/* A condition on one argument; op 0 = none. */
struct cond {
    unsigned arg;
    enum scmp_compare op;
    uint64_t a, b;
};

struct rule {
    const char *name;
    int number; /* where libseccomp may not know the name yet: the same on every architecture */
    int error;
    struct cond when[2];
};

#define NO(syscall, err)                 \
    {                                    \
        .name = #syscall, .error = (err) \
    }
#define NO_NUMBER(syscall, nr, err)                      \
    {                                                    \
        .name = #syscall, .number = (nr), .error = (err) \
    }
#define HAS(argument, bits)                            \
    {                                                  \
        (argument), SCMP_CMP_MASKED_EQ, (bits), (bits) \
    }
#define IS(argument, value)                            \
    {                                                  \
        (argument), SCMP_CMP_MASKED_EQ, LOW32, (value) \
    }
#define NOT(argument, value)                \
    {                                       \
        (argument), SCMP_CMP_NE, (value), 0 \
    }
#define NO_IF(syscall, err, ...)                                  \
    {                                                             \
        .name = #syscall, .error = (err), .when = { __VA_ARGS__ } \
    }

static const struct rule base_rules[] = {
    NO(mount, EPERM),
    NO(umount2, EPERM),
    NO(pivot_root, EPERM),
    NO(open_tree, EPERM),
    NO(move_mount, EPERM),
    NO(fsopen, EPERM),
    NO(fsconfig, EPERM),
    NO(fsmount, EPERM),
    NO(fspick, EPERM),
    NO(mount_setattr, EPERM),
    NO_NUMBER(open_tree_attr, 467, EPERM),
    NO(setns, EPERM),
    NO(keyctl, EPERM),
    NO(add_key, EPERM),
    NO(request_key, EPERM),
    NO(bpf, EPERM),
    NO(userfaultfd, EPERM),
    NO(perf_event_open, EPERM),
    NO(io_uring_setup, ENOSYS),
    NO(io_uring_enter, ENOSYS),
    NO(io_uring_register, ENOSYS),
    NO(init_module, EPERM),
    NO(finit_module, EPERM),
    NO(delete_module, EPERM),
    NO(kexec_load, EPERM),
    NO(kexec_file_load, EPERM),
    NO(reboot, EPERM),
    NO(swapon, EPERM),
    NO(swapoff, EPERM),
    NO(acct, EPERM),
    NO(quotactl, EPERM),
    NO(quotactl_fd, EPERM),
    NO(syslog, EPERM),
    NO(settimeofday, EPERM),
    NO(clock_settime, EPERM),
    NO(iopl, EPERM),
    NO(ioperm, EPERM),
    NO(nfsservctl, ENOSYS),
    NO(open_by_handle_at, EPERM),
    NO(fanotify_init, EPERM),
    NO(lookup_dcookie, EPERM),
    NO(vhangup, EPERM),
    NO(kcmp, EPERM),
    NO(uselib, ENOSYS),
    NO(ustat, ENOSYS),
    NO(sysfs, ENOSYS),
    NO(vmsplice, EPERM),
    NO(sethostname, EPERM),
    NO(setdomainname, EPERM),
    NO_IF(personality, EPERM, HAS(0, READ_IMPLIES_EXEC)),
    NO_IF(ioctl, EPERM, IS(1, TIOCSTI)),
    NO_IF(ioctl, EPERM, IS(1, TIOCLINUX)),
    NO_IF(socket, EPERM, IS(0, AF_NETLINK), NOT(2, NETLINK_ROUTE)),
};

#define NEW_NAMESPACE(flag) NO_IF(clone, EPERM, HAS(0, flag))
#define NO_SETID(bit)                                                          \
    NO_IF(chmod, EPERM, HAS(1, bit)), NO_IF(fchmod, EPERM, HAS(1, bit)),       \
        NO_IF(fchmodat, EPERM, HAS(2, bit)), NO_IF(creat, EPERM, HAS(1, bit)), \
        NO_IF(mknod, EPERM, HAS(1, bit)), NO_IF(mknodat, EPERM, HAS(2, bit)),  \
        NO_IF(open, EPERM, HAS(1, O_CREAT), HAS(2, bit)),                      \
        NO_IF(openat, EPERM, HAS(2, O_CREAT), HAS(3, bit)),                    \
        NO_IF(open, EPERM, HAS(1, O_TMPFILE), HAS(2, bit)),                    \
        NO_IF(openat, EPERM, HAS(2, O_TMPFILE), HAS(3, bit))

/*
 * On top of base: no namespaces, no set-id files, no limits of foreign processes, and nothing of
 * which the machine or the host's user has only a few: 128 inotify instances, 65536 events of
 * asynchronous input and output.
 */
static const struct rule strict_rules[] = {
    NO(unshare, EPERM),
    NO(chroot, EPERM),
    NO(clone3, ENOSYS),
    NEW_NAMESPACE(CLONE_NEWUSER),
    NEW_NAMESPACE(CLONE_NEWNS),
    NEW_NAMESPACE(CLONE_NEWPID),
    NEW_NAMESPACE(CLONE_NEWNET),
    NEW_NAMESPACE(CLONE_NEWIPC),
    NEW_NAMESPACE(CLONE_NEWUTS),
    NEW_NAMESPACE(CLONE_NEWCGROUP),
    NO(inotify_init, ENOSYS),
    NO(inotify_init1, ENOSYS),
    NO(io_setup, ENOSYS),
    NO(openat2, ENOSYS),
    NO_NUMBER(fchmodat2, 452, ENOSYS),
    NO_IF(prlimit64, EPERM, NOT(0, 0)),
    NO_SETID(S_ISUID),
    NO_SETID(S_ISGID),
};

static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static int add_rule(scmp_filter_ctx ctx, const struct rule *r)
{
    struct scmp_arg_cmp args[2];
    int nr = seccomp_syscall_resolve_name(r->name);
    unsigned n = 0;

    if (nr == __NR_SCMP_ERROR)
        nr = r->number;
    if (!nr && !r->number && seccomp_syscall_resolve_name(r->name) == __NR_SCMP_ERROR)
        return 0;
    for (; n < COUNT_OF(args) && r->when[n].op; n++)
        args[n] =
            (struct scmp_arg_cmp){ r->when[n].arg, r->when[n].op, r->when[n].a, r->when[n].b };
    return seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((uint32_t)r->error), nr, n, args);
}

static int add_rules(scmp_filter_ctx ctx, const struct rule *rules, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int r = add_rule(ctx, &rules[i]);
        if (r)
            return err_sys(err, -r, "seccomp rule for %s", rules[i].name);
    }
    return 0;
}

/* Socket families but the four: each by its number, and all beyond. */
static int add_families(scmp_filter_ctx ctx, struct err *err)
{
    for (int f = 0; f <= AF_MAX; f++) {
        struct scmp_arg_cmp which;
        bool allowed = false;
        int r;
        for (size_t i = 0; i < COUNT_OF(families); i++)
            allowed |= families[i] == f;
        if (allowed)
            continue;
        which = (struct scmp_arg_cmp){ .arg = 0,
                                       .op = f == AF_MAX ? SCMP_CMP_GE : SCMP_CMP_EQ,
                                       .datum_a = (scmp_datum_t)f };
        r = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, &which);
        if (r)
            return err_sys(err, -r, "seccomp rule for socket family %d", f);
    }
    return 0;
}

static void cleanup_filter(scmp_filter_ctx *ctx)
{
    if (*ctx)
        seccomp_release(*ctx);
}

static int make(bool strict, int *out_fd, struct err *err)
{
    __attribute__((cleanup(cleanup_filter))) scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    AUTO_FD int fd = memfd_create("filter", MFD_CLOEXEC);
    int r;

    if (!ctx || fd < 0)
        return err_set(err, ERR_INTERNAL, "cannot make a seccomp filter");
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (add_rules(ctx, base_rules, COUNT_OF(base_rules), err) || add_families(ctx, err) ||
        (strict && add_rules(ctx, strict_rules, COUNT_OF(strict_rules), err)))
        return -1;
    r = seccomp_export_bpf(ctx, fd);
    if (r)
        return err_sys(err, -r, "export the seccomp filter");
    if (lseek(fd, 0, SEEK_SET))
        return err_sys(err, errno, "rewind the seccomp filter");
    *out_fd = TAKE_FD(&fd);
    return 0;
}

int seccomp_base_fd(int *out_fd, struct err *err)
{
    return make(false, out_fd, err);
}

int seccomp_strict_program(struct buf *out, struct err *err)
{
    AUTO_FD int fd = -1;

    buf_init(out, PROGRAM_MAX);
    if (make(true, &fd, err))
        return -1;
    return io_read_all(fd, out, err);
}
