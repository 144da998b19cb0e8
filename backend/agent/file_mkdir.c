#include "backend/agent/file_place.h"
#include "backend/agent/file_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct making {
    struct file_report *report;
    char last[FILE_PATH_MAX]; /* that was made */
};

static void made(void *arg, const char *path)
{
    struct making *m = arg;
    char real[FILE_PATH_MAX];
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    file_real_path(fd, path, real);
    if (fd >= 0)
        close(fd);
    snprintf(m->last, sizeof(m->last), "%s", path);
    report_done(m->report, real, "");
    m->report->total++;
}

static void make(struct file_report *r, const char *path, int mode)
{
    char folder[FILE_PATH_MAX];
    struct making m = { .report = r };
    size_t len;
    int fd;

    snprintf(folder, sizeof(folder), "%s", path);
    for (len = strlen(folder); len > 1 && folder[len - 1] == '/';)
        folder[--len] = '\0';
    if (folders_make(folder, made, &m)) {
        struct file_error e = { 0 };
        struct stat st;
        if (errno == ENOTDIR && !lstat(folder, &st) && !S_ISDIR(st.st_mode))
            file_fail(&e, CODE_CONFLICT, "%.900s exists and is no folder", folder);
        else
            file_fail_errno(&e, errno, "make", folder);
        report_failed(r, path, &e);
        return;
    }
    if (mode < 0 || strcmp(m.last, folder) != 0)
        return;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, (mode_t)mode))
        report_errno(r, errno, "change the mode of", folder);
    if (fd >= 0)
        close(fd);
}

int file_mkdir(struct file_job *job)
{
    int mode = (int)wire_u32(&job->in, TAG_MODE, UINT32_MAX);
    struct file_report r;
    const char *path;

    if (mode >= 0 && mode & ~01777) {
        file_fail(&job->error, CODE_DENIED, "permissions: no set-id bits in a sandbox");
        return file_hint(&job->error, "use e.g. 0755");
    }
    if (report_begin(&r, job))
        return -1;
    while ((path = report_path(&r)))
        make(&r, path, mode);
    return report_send(&r);
}
