//! Why bytes are not in Confluent's wire format. Never with a value.

/// Why a message has no frame that can be read. Each text completes "it …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error(
        "begins with byte 0x{0:02x}, not with the zero byte and the schema id of Confluent's wire format"
    )]
    Magic(u8),
    #[error(
        "looks like JSON without the frame of Confluent's wire format: format.encoding may have to be \"json\""
    )]
    LooksLikeJson,
    #[error(
        "has a schema id of 8 bytes, as Apicurio's converter writes it by default, and not Confluent's of 4: \
         set apicurio.registry.as-confluent=true, apicurio.registry.use-id=contentId and \
         apicurio.registry.headers.enabled=false for the connector's key.converter and value.converter"
    )]
    ApicurioId,
    #[error(
        "has its schema id in a record header, as Apicurio's converter writes it with headers.enabled=true, and \
         not in Confluent's wire format: set apicurio.registry.headers.enabled=false, \
         apicurio.registry.as-confluent=true and apicurio.registry.use-id=contentId for the connector's \
         key.converter and value.converter"
    )]
    ApicurioHeader,
    #[error("names a negative schema id")]
    Id,
    #[error("ends too early for its schema")]
    Truncated,
}

impl FrameError {
    /// Whether a converter is set so that all that it writes is like this.
    pub fn is_of_setup(self) -> bool {
        matches!(self, Self::ApicurioId | Self::ApicurioHeader)
    }
}
