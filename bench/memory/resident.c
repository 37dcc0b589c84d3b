// SPDX-License-Identifier: MIT
// Prints which pages of the regular files below a directory are in the kernel's page cache, as a workload for
// `erofs-wasm share`: PATH for a whole file, PATH<TAB>POSITION<TAB>LENGTH (bytes) for each run of pages of another.
//
//     resident DIRECTORY [PREFIX]
//
// PREFIX is put in front of the paths that begin at DIRECTORY. Looking does not bring pages in. mincore() tells the
// truth only to root and the owners of the files.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes of a file that are looked at in one go. */
#define WINDOW ((off_t)1 << 30)
#define OPEN_DIRECTORIES 64

static size_t root_length;
static const char *prefix = "";
static long page_size;
static int failures;

static void fail(const char *path, const char *what) {
  fprintf(stderr, "resident: %s: %s: %s\n", path, what, strerror(errno));
  failures++;
}

/* A run of pages that has not ended yet. */
struct run {
  off_t start, end;
};

static void print_run(const char *name, struct run run, off_t size) {
  off_t end = run.end < size ? run.end : size;
  if (run.start == run.end) return;
  /* A name with a tab could be taken for one with numbers behind it. */
  if (run.start == 0 && end == size && !strchr(name, '\t')) printf("%s%s\n", prefix, name);
  else printf("%s%s\t%lld\t%lld\n", prefix, name, (long long)run.start, (long long)(end - run.start));
}

/* Looks at a window of a file and goes on with the run that reached it. */
static int look(int fd, const char *name, off_t at, off_t length, off_t size, struct run *run) {
  void *map = mmap(NULL, (size_t)length, PROT_READ, MAP_SHARED, fd, at);
  size_t pages = (size_t)((length + page_size - 1) / page_size);
  unsigned char *resident = malloc(pages);
  int status = -1;
  if (map != MAP_FAILED && resident && mincore(map, (size_t)length, resident) == 0) {
    status = 0;
    for (size_t page = 0; page < pages; page++) {
      off_t position = at + (off_t)page * page_size;
      if (!(resident[page] & 1)) continue;
      if (run->end != position) {
        print_run(name, *run, size);
        run->start = position;
      }
      run->end = position + page_size;
    }
  }
  free(resident);
  if (map != MAP_FAILED) munmap(map, (size_t)length);
  return status;
}

static int visit(const char *path, const struct stat *stat, int type, struct FTW *walk) {
  (void)walk;
  if (type == FTW_DNR || type == FTW_NS) fail(path, "cannot be read");
  if (type != FTW_F || !S_ISREG(stat->st_mode) || stat->st_size == 0) return 0;
  const char *name = path + root_length;
  if (strchr(name, '\n')) {
    errno = EINVAL;
    fail(path, "a name with a line feed cannot be written");
    return 0;
  }
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    fail(path, "cannot be opened");
    return 0;
  }
  struct run run = {0, 0};
  for (off_t at = 0; at < stat->st_size; at += WINDOW) {
    off_t length = stat->st_size - at < WINDOW ? stat->st_size - at : WINDOW;
    if (look(fd, name, at, length, stat->st_size, &run) < 0) {
      fail(path, "cannot be looked at");
      break;
    }
  }
  print_run(name, run, stat->st_size);
  close(fd);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: resident DIRECTORY [PREFIX]\n");
    return 2;
  }
  char *root = argv[1];
  root_length = strlen(root);
  while (root_length > 1 && root[root_length - 1] == '/') root[--root_length] = 0;
  if (strcmp(root, "/") == 0) root_length = 0;
  if (argc == 3) prefix = argv[2];
  page_size = sysconf(_SC_PAGESIZE);
  if (nftw(root, visit, OPEN_DIRECTORIES, FTW_PHYS | FTW_MOUNT) < 0) fail(root, "cannot be walked");
  return failures || fflush(stdout) != 0;
}
