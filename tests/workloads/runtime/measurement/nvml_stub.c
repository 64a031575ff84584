/* A libnvidia-ml.so.1 of eight GPUs, one of them fallen off the bus and one divided by MIG, for machines without any.
   GPU n has drawn n+1 kJ when asked first and draws 100·(n+1) J more at each later question for its energy. */
#include <stdio.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };
enum { GPUS = 8, LOST = 3, DIVIDED = 5 };
static struct gpu { int number, asked, instance; } gpus[GPUS], instance = {DIVIDED, 0, 1};
typedef struct gpu *device;

int nvmlInitWithFlags(unsigned flags) { for (int n = 0; n < GPUS; n++) gpus[n].number = n; return SUCCESS; }
const char *nvmlErrorString(int code) { return code == GPU_IS_LOST ? "GPU is lost" : code == NOT_FOUND ? "Not Found" : "Not Supported"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = GPUS; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned n, device *found) {
    *found = &gpus[n];
    return n == LOST ? GPU_IS_LOST : SUCCESS;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, device *found) {
    char own[64];
    for (int n = 0; n < GPUS; n++) {
        sprintf(own, "GPU-00000000-0000-0000-0000-00000000000%d", n);
        if (!strcmp(own, uuid)) { *found = &gpus[n]; return n == LOST ? GPU_IS_LOST : SUCCESS; }
    }
    if (strcmp(uuid, "MIG-11111111-0000-0000-0000-000000000000")) return NOT_FOUND;
    *found = &instance;
    return SUCCESS;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device part, device *whole) { *whole = &gpus[part->number]; return SUCCESS; }
int nvmlDeviceGetUUID(device gpu, char *text, unsigned size) {
    snprintf(text, size, "GPU-00000000-0000-0000-0000-00000000000%d", gpu->number);
    return SUCCESS;
}
int nvmlDeviceGetName(device gpu, char *text, unsigned size) { snprintf(text, size, "NVIDIA H100 80GB HBM3"); return SUCCESS; }
int nvmlDeviceGetTotalEnergyConsumption(device gpu, unsigned long long *millijoules) {
    if (gpu->instance) return NOT_SUPPORTED;
    *millijoules = 1000000ull * (gpu->number + 1) + 100000ull * (gpu->number + 1) * gpu->asked++;
    return SUCCESS;
}
int nvmlDeviceGetPowerUsage(device gpu, unsigned *milliwatts) { *milliwatts = 300000 + 1000 * gpu->number; return SUCCESS; }
int nvmlDeviceGetTemperature(device gpu, unsigned sensor, unsigned *celsius) { *celsius = 60 + gpu->number; return SUCCESS; }
int nvmlDeviceGetClockInfo(device gpu, unsigned kind, unsigned *mhz) { *mhz = 1980; return SUCCESS; }
/* Process 4711 computes on GPU 2, and so does 4712. */
typedef struct { unsigned pid; unsigned long long memory; unsigned instance, part; } process;
int nvmlDeviceGetComputeRunningProcesses_v3(device gpu, unsigned *count, process *found) {
    unsigned room = *count;
    *count = gpu->number == 2 ? 2 : 0;
    if (room < *count) return INSUFFICIENT_SIZE;
    for (unsigned n = 0; n < *count; n++) found[n] = (process){4711 + n, 1 << 30, ~0u, ~0u};
    return SUCCESS;
}
/* GPU 6 is hot: HwThermalSlowdown beside the general HwSlowdown. All others are at their power limit. */
int nvmlDeviceGetCurrentClocksThrottleReasons(device gpu, unsigned long long *bits) {
    *bits = gpu->number == 6 ? 0x48 : 0x4;
    return SUCCESS;
}
