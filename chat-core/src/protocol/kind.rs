//! The shape of an enum of frame kinds, which requests and events share.

/// Defines an enum of kinds, each with its `type` in JSON.
macro_rules! kinds {
    ($(#[$about:meta])* $kinds:ident { $($(#[$doc:meta])* $name:ident = $kind:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $kinds {
            $($(#[$doc])* $name,)*
        }

        impl $kinds {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The `type` as written in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $kind,)* }
            }

            /// The kind with this `type`, if the protocol has one.
            pub fn named(kind: &str) -> Option<Self> {
                match kind {
                    $($kind => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use kinds;
