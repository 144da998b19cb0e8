/*
 * Ops built from other ops, for backends that lack them.
 */
#ifndef BACKEND_DERIVE_DERIVE_H
#define BACKEND_DERIVE_DERIVE_H

#include "backend/backend.h"

/*
 * file_ops.replace out of read and write: the whole file (at most FILE_WRITE_MAX bytes)
 * is read, edited here, and written back on the condition that its hash is still the one
 * read, so that a concurrent change is a conflict and never lost. All edits apply or none.
 */
int derive_replace(struct sandbox *sb, struct call *call, const struct file_replace_request *req,
                   struct file_replace_result *res, struct err *err) MUST_CHECK;

/* What a write is about to change, where the backend does not tell: OLD_UNKNOWN when it cannot be
 * read, or not as a whole. */
void derive_old(struct sandbox *sb, struct call *call, const struct file_write_request *req,
                struct file_old *old);

/* file_ops.restore out of read, write and exec. */
int derive_restore(struct sandbox *sb, struct call *call, const struct file_restore_request *req,
                   struct file_write_result *res, struct err *err) MUST_CHECK;

/* sandbox_file_lines() by the same means as derive_replace(), and by restore. */
int derive_lines(struct sandbox *sb, struct call *call, const struct file_lines_request *req,
                 struct file_lines_result *res, struct err *err) MUST_CHECK;
int derive_undo(struct sandbox *sb, struct call *call, const struct file_lines_request *req,
                struct file_lines_result *res, struct err *err) MUST_CHECK;

/* transfer_ops out of read and write, in parts of DERIVE_PART bytes: what fails half-way leaves the
 * parts that were written, and what others change meanwhile is not noticed. */
#define DERIVE_PART (4 * 1024 * 1024)
int derive_put(struct sandbox *sb, struct call *call, const struct file_put_request *req,
               struct file_put_result *res, struct err *err) MUST_CHECK;
int derive_take(struct sandbox *sb, struct call *call, const struct file_take_request *req,
                struct file_take_result *res, struct err *err) MUST_CHECK;

/* manage_ops out of exec, by a program of ours for the sandbox's python3: without the local
 * backend's care for what changes meanwhile. */
int derive_stat(struct sandbox *sb, struct call *call, const struct file_stat_request *req,
                struct file_stat_result *res, struct err *err) MUST_CHECK;
int derive_move(struct sandbox *sb, struct call *call, const struct file_move_request *req,
                struct file_manage_result *res, struct err *err) MUST_CHECK;
int derive_copy(struct sandbox *sb, struct call *call, const struct file_copy_request *req,
                struct file_manage_result *res, struct err *err) MUST_CHECK;
int derive_remove(struct sandbox *sb, struct call *call, const struct file_remove_request *req,
                  struct file_manage_result *res, struct err *err) MUST_CHECK;
int derive_mkdir(struct sandbox *sb, struct call *call, const struct file_mkdir_request *req,
                 struct file_manage_result *res, struct err *err) MUST_CHECK;
int derive_chmod(struct sandbox *sb, struct call *call, const struct file_chmod_request *req,
                 struct file_manage_result *res, struct err *err) MUST_CHECK;

/*
 * code_ops.execute for bash out of exec: a context is a shell session of that name ("bash" the
 * default one), "new" a shell of its own. A non-zero exit status is CODE_ERROR.
 */
int derive_bash(struct sandbox *sb, struct call *call, const struct code_request *req,
                struct code_result *res, struct err *err) MUST_CHECK;

/*
 * document_ops.convert out of exec, by a converter of our own that runs inside the sandbox and uses
 * the programs that it finds there. It reads, and writes save_to, as any command may.
 */
int derive_document(struct sandbox *sb, struct call *call, const struct document_request *req,
                    struct document_result *res, struct err *err) MUST_CHECK;

/*
 * code_ops.packages out of exec: pip and npm run in the sandbox, under its network policy, and
 * install into the home, where interpreters find them without a restart.
 */
int derive_packages(struct sandbox *sb, struct call *call, const struct packages_request *req,
                    struct packages_result *res, struct err *err) MUST_CHECK;

#endif
