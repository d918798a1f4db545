// The open streams of each caller in this process, which MAX_STREAMS_PER_USER limits.
#pragma once

#include <memory>

#include "shared/context.hpp"
#include "shared/http/request.hpp"

// One stream's place. It is free again when the last owner is gone.
using StreamPlace = std::shared_ptr<const void>;

// Takes a place for a stream of the reader: the user, or else the API key. Readers without proof
// have no limit here, and get an empty place. Throws ApiError (429) if the reader has none left,
// and std::logic_error if the endpoint declares no stream.
StreamPlace take_stream_place(const Identity& reader, Context& context);
