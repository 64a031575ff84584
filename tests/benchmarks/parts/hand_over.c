/* Beside any MPI program of two ranks: how long one core takes to hand a cache line to the other, ns.
 *
 * Preloaded, it is measured when MPI begins and when it ends (MPI's profiling interface), between the first two ranks:
 * they take turns in writing a line of the file that HAND_OVER names, which is mapped by both and begins with zeros.
 * Rank 0 appends what it finds to the file HAND_OVER.ns.
 */
#include <fcntl.h>
#include <mpi.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROUNDS = 200000, BYTES = 4096 };

static void measure(void) {
    const char *name = getenv("HAND_OVER");
    int rank, file = name ? open(name, O_RDWR) : -1;
    if (file < 0) return;
    atomic_int *line = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (line == MAP_FAILED) return;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0) atomic_store(line, 0);
    PMPI_Barrier(MPI_COMM_WORLD);
    double begin = PMPI_Wtime();
    for (int round = 0; round < ROUNDS && rank < 2; round++) {
        if (rank == 0) atomic_store(line, 2 * round + 1);
        while (atomic_load(line) != 2 * round + 2 - rank) continue;
        if (rank == 1) atomic_store(line, 2 * round + 2);
    }
    double seconds = (PMPI_Wtime() - begin) / (2.0 * ROUNDS);
    PMPI_Barrier(MPI_COMM_WORLD);
    munmap(line, BYTES);
    if (rank) return;
    char found[FILENAME_MAX];
    snprintf(found, sizeof found, "%s.ns", name);
    FILE *log = fopen(found, "a");
    if (!log) return;
    fprintf(log, "%.1f\n", 1e9 * seconds);
    fclose(log);
}

int MPI_Init(int *count, char ***words) {
    int code = PMPI_Init(count, words);
    measure();
    return code;
}

int MPI_Init_thread(int *count, char ***words, int wanted, int *given) {
    int code = PMPI_Init_thread(count, words, wanted, given);
    measure();
    return code;
}

int MPI_Finalize(void) {
    measure();
    return PMPI_Finalize();
}
