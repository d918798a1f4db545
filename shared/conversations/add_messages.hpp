// Adds messages to a conversation, each client_message_id once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/idempotency/request_key.hpp"
#include "shared/models/conversation.hpp"

struct AddedMessages {
    // The canonical JSON of a message for each that was sent, in their order.
    std::vector<json::Raw> messages;
    bool are_new = false;  // at least one of them
};

// Adds messages to a conversation. A message whose client_message_id the conversation
// has already, or an earlier one of `sent` has, is not added: the first message stands for it. If
// no message is new, nothing changes. Throws ApiError: not_found if the user has no such
// conversation, quota_exceeded if it would have too many messages (then none is added), and what
// RequestKey::run() throws. One round trip, or more for a key that was used before.
Async<AddedMessages> add_messages(Database& database, std::string user_id,
                                  std::int64_t conversation_id, std::vector<NewMessage> sent,
                                  std::optional<std::int64_t> max_messages, RequestKey key = {});
