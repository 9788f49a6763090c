/// OpenID Connect Core section 3.1.2.1, `display`: how the client shows the pages. A value that is not known is passed over, as the standard
/// allows: it is a wish about the looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Display {
    /// The whole window of a browser.
    #[default]
    Page,
    /// A small window: the page fills it.
    Popup,
    /// A touch screen: everything that is touched is large.
    Touch,
    /// A feature phone; the pages are as plain as they get.
    Wap,
}

impl Display {
    /// The values that are known, for metadata.
    pub(crate) const NAMES: &'static [&'static str] = &["page", "popup", "touch", "wap"];

    /// What a request asks for.
    pub(crate) fn of(value: Option<&str>) -> Self {
        match value {
            Some("popup") => Self::Popup,
            Some("touch") => Self::Touch,
            Some("wap") => Self::Wap,
            _ => Self::Page,
        }
    }

    /// The class of the page's body.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }
}
