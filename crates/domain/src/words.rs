//! Closed lists whose values are words in files, in tables and on the wire.

macro_rules! words {
    ($($name:ident { $($variant:ident = $word:literal),+ $(,)? })*) => {$(
        impl $name {
            /// Every value there is.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// How it stands in the registry file, in tables and on the wire.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value of this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| value.word() == word)
            }
        }
    )*};
}
