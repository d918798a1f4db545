#include "shared/uuid.hpp"

#include <set>

#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

Test(uuid, reads_the_canonical_form_in_either_case) {
    constexpr auto text = "00112233-4455-6677-8899-aabbccddeeff";
    const auto uuid = Uuid::parse(text);
    cr_assert(uuid.has_value());
    for (std::size_t i = 0; i < uuid->bytes.size(); ++i)
        cr_expect_eq(uuid->bytes[i], static_cast<std::uint8_t>(i * 0x11));
    EXPECT_TEXT(uuid->text(), text);
    cr_expect(Uuid::parse("00112233-4455-6677-8899-AABBCCDDEEFF") == uuid);
    cr_expect(Uuid::parse("00112233-4455-6677-8899-aAbBcCdDeEfF") == uuid);
}

Test(uuid, reads_the_nil_and_the_greatest) {
    EXPECT_TEXT(Uuid{}.text(), "00000000-0000-0000-0000-000000000000");
    cr_expect(Uuid::parse("00000000-0000-0000-0000-000000000000") == Uuid{});
    const auto greatest = Uuid::parse("ffffffff-ffff-ffff-ffff-ffffffffffff");
    cr_assert(greatest.has_value());
    EXPECT_TEXT(greatest->text(), "ffffffff-ffff-ffff-ffff-ffffffffffff");
}

Test(uuid, refuses_every_other_form) {
    static constexpr std::string_view texts[] = {
        "",
        "-",
        "0",
        "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeeff0",
        "00112233445566778899aabbccddeeff",
        "001122334455-6677-8899-aabbccddeeff-0",
        "0011223-34455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899aabb-ccddeeff",
        "00112233-44556677-8899-aabb-ccddeeff",
        "00112233_4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeefg",
        "g0112233-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddee--",
        "00112233-4455-6677-8899-aabbccddee 0",
        "+0112233-4455-6677-8899-aabbccddeeff",
        "0x112233-4455-6677-8899-aabbccddeeff",
        " 00112233-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeeff\n",
        "{00112233-4455-6677-8899-aabbccddeeff}",
        "urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899-aabbccddeef\0"sv,
        "00112233\0"
        "4455-6677-8899-aabbccddeeff"sv,
        "00112233-4455-6677-8899-aabbccddee\xef\xbc",
        "------------------------------------",
    };
    for (const auto text : texts)
        cr_expect_not(Uuid::parse(text).has_value(), "%s", shown(text).c_str());
}

Test(uuid, refuses_a_wrong_byte_at_every_position) {
    const std::string good = "00112233-4455-6677-8899-aabbccddeeff";
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const char wrong : {'/', ':', '@', 'G', '`', 'g', '\0', '\xff'}) {
            auto bad = good;
            bad[i] = wrong;
            cr_expect_not(Uuid::parse(bad).has_value(), "%s", shown(bad).c_str());
        }
    }
}

Test(uuid, is_random_with_version_and_variant) {
    std::set<Uuid> seen;
    std::array<std::uint8_t, 16> ever_set{};
    std::array<std::uint8_t, 16> always_set;
    always_set.fill(0xff);
    for (int i = 0; i < 2000; ++i) {
        const auto uuid = Uuid::random();
        cr_assert(seen.insert(uuid).second, "the same UUID twice");
        cr_assert(Uuid::parse(uuid.text()) == uuid);
        for (std::size_t at = 0; at < 16; ++at) {
            ever_set[at] |= uuid.bytes[at];
            always_set[at] &= uuid.bytes[at];
        }
    }
    for (std::size_t at = 0; at < 16; ++at) {
        const int fixed = at == 6 ? 0xf0 : at == 8 ? 0xc0 : 0;
        const int value = at == 6 ? 0x40 : at == 8 ? 0x80 : 0;
        cr_expect_eq(ever_set[at], (0xff & ~fixed) | value, "byte %zu", at);
        cr_expect_eq(always_set[at], value, "byte %zu", at);
    }
}

Test(uuid, is_ordered_like_its_text) {
    const char* const ascending[] = {
        "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-0000000000ff",
        "00000000-0000-0000-0000-000000000100", "7fffffff-0000-0000-0000-000000000000",
        "80000000-0000-0000-0000-000000000000"};
    for (std::size_t i = 1; i < std::size(ascending); ++i)
        cr_expect(Uuid::parse(ascending[i - 1]) < Uuid::parse(ascending[i]), "%s", ascending[i]);
}
