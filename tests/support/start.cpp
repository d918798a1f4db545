// Makes the process that Criterion starts for each test cheaper. Linked into every test.

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <mutex>

#define HOOK extern "C" __attribute__((visibility("default")))

namespace {

template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// Criterion initialises libgit2 in every process, which parses all certificates of the machine. It
// uses libgit2 only to show the difference of two texts in a report, so the initialisation is
// delayed until then.
HOOK int git_libgit2_init() { return 1; }
HOOK int git_libgit2_shutdown() { return 0; }
HOOK int git_diff_buffers(const void* old_text, std::size_t old_size, const char* old_path,
                          const void* new_text, std::size_t new_size, const char* new_path,
                          const void* options, void* on_file, void* on_binary, void* on_hunk,
                          void* on_line, void* payload) {
    static std::once_flag once;
    std::call_once(once, real<int()>("git_libgit2_init"));
    return real<decltype(git_diff_buffers)>("git_diff_buffers")(
        old_text, old_size, old_path, new_text, new_size, new_path, options, on_file, on_binary,
        on_hunk, on_line, payload);
}

#undef HOOK

extern "C" __attribute__((weak)) void __lsan_do_leak_check();

namespace {

// LeakSanitizer reads all global variables when a process ends, most of them for the first time.
// Mapping their pages at once is cheaper than one page fault each.
void map_global_variables() {
    const auto map_those_of_a_library = [](dl_phdr_info* library, std::size_t, void*) {
        for (int i = 0; i < library->dlpi_phnum; ++i) {
            const auto& segment = library->dlpi_phdr[i];
            if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_W)) continue;
            constexpr std::uintptr_t page_bytes = 4096;
            const auto begin = library->dlpi_addr + segment.p_vaddr;
            const auto first_page = begin / page_bytes * page_bytes;
            madvise(reinterpret_cast<void*>(first_page), begin + segment.p_memsz - first_page,
                    MADV_POPULATE_READ);
        }
        return 0;
    };
    dl_iterate_phdr(map_those_of_a_library, nullptr);
}

// This function runs before LeakSanitizer's check, because handlers run in reverse order of
// registration.
[[maybe_unused]] const int registered =
    __lsan_do_leak_check ? std::atexit(&map_global_variables) : 0;

}  // namespace
