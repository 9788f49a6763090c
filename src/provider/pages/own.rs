//! A person's own page, and its words.

use std::sync::Arc;

use askama::Template;
use jiff::{Timestamp, tz::TimeZone};

use super::{Frame, Person, texts::Around};

/// The sign-in form of the page.
#[derive(Template)]
#[template(path = "own_sign_in.html")]
pub(crate) struct OwnSignInPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) action: String,
    pub(crate) csrf: String,
    pub(crate) username: &'a str,
    pub(crate) alert: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "own.html")]
pub(crate) struct OwnPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) texts: &'static OwnTexts,
    /// What has just been done.
    pub(crate) done: Option<&'static str>,
    /// Why nothing has been done.
    pub(crate) alert: Option<String>,
    pub(crate) person: Person<'a>,
    pub(crate) email: Option<&'a str>,
    pub(crate) action: String,
    pub(crate) sign_out: String,
    pub(crate) doors: Vec<Door>,
    pub(crate) apps: Vec<App>,
    pub(crate) sessions: Vec<SessionRow>,
    /// The token of the form that ends all other sessions; none where there are none.
    pub(crate) end_others: Option<String>,
    /// None where the password can't be changed here.
    pub(crate) password: Option<PasswordForm>,
}

/// An application that can be opened from here.
pub(crate) struct Door {
    pub(crate) name: Arc<str>,
    pub(crate) href: String,
}

/// An application that has access.
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) name: Arc<str>,
    pub(crate) wishes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) since: Option<String>,
    pub(crate) used: Option<String>,
    pub(crate) csrf: String,
}

/// A place where the person is signed in.
pub(crate) struct SessionRow {
    pub(crate) handle: String,
    pub(crate) is_this: bool,
    pub(crate) device: String,
    pub(crate) address: Option<String>,
    pub(crate) since: String,
    pub(crate) seen: String,
    /// Names, with commas; empty for none.
    pub(crate) apps: String,
    pub(crate) csrf: String,
}

/// The form that changes the password.
pub(crate) struct PasswordForm {
    /// For password managers.
    pub(crate) username: String,
    pub(crate) hint: String,
    pub(crate) csrf: String,
}

/// The words of the page, in one language.
#[derive(Debug)]
pub(crate) struct OwnTexts {
    pub(crate) title: &'static str,
    pub(crate) sign_in_for: &'static str,
    pub(crate) open: &'static str,
    pub(crate) open_explained: &'static str,
    pub(crate) apps: &'static str,
    pub(crate) no_apps: &'static str,
    pub(crate) since: &'static str,
    pub(crate) used: &'static str,
    pub(crate) resources: &'static str,
    pub(crate) withdraw: &'static str,
    pub(crate) withdraw_of: &'static str,
    pub(crate) sessions: &'static str,
    pub(crate) this_session: &'static str,
    pub(crate) unknown_device: &'static str,
    pub(crate) signed_in: &'static str,
    pub(crate) seen: &'static str,
    pub(crate) used_for: &'static str,
    pub(crate) end: &'static str,
    pub(crate) end_others: &'static str,
    pub(crate) password: &'static str,
    pub(crate) password_explained: &'static str,
    pub(crate) password_current: &'static str,
    pub(crate) password_new: &'static str,
    pub(crate) password_again: &'static str,
    pub(crate) password_change: &'static str,
    pub(crate) current_wrong: &'static str,
    pub(crate) password_missing: &'static str,
    pub(crate) password_different: &'static str,
    pub(crate) password_short: Around,
    pub(crate) password_long: &'static str,
    pub(crate) password_same: &'static str,
    pub(crate) password_name: &'static str,
    pub(crate) password_not_here: &'static str,
    pub(crate) password_overtaken: &'static str,
    /// What a form has done, by the name in the URL.
    pub(crate) done: &'static [(&'static str, &'static str)],
    months: [&'static str; 12],
    /// What stands after the day of the month.
    after_day: &'static str,
}

impl OwnTexts {
    /// `24 November 2026`.
    pub(crate) fn day(&self, at: Timestamp) -> String {
        let date = at.to_zoned(TimeZone::UTC).date();
        let month = usize::try_from(date.month() - 1).ok().and_then(|month| self.months.get(month));
        format!("{}{} {} {}", date.day(), self.after_day, month.unwrap_or(&""), date.year())
    }

    /// `24 November 2026, 13:05 UTC`.
    pub(crate) fn moment(&self, at: Timestamp) -> String {
        let time = at.to_zoned(TimeZone::UTC).time();
        format!("{}, {:02}:{:02} UTC", self.day(at), time.hour(), time.minute())
    }
}

pub(super) static EN: OwnTexts = OwnTexts {
    title: "Your account",
    sign_in_for: "to see your account",
    open: "Open an application",
    open_explained: "It signs you in with this account.",
    apps: "Applications with access",
    no_apps: "No application has access to your account.",
    since: "Since",
    used: "last used",
    resources: "At",
    withdraw: "Withdraw access",
    withdraw_of: "Withdraw access of",
    sessions: "Where you are signed in",
    this_session: "This browser",
    unknown_device: "Unknown browser",
    signed_in: "Signed in",
    seen: "last seen",
    used_for: "Used for",
    end: "Sign out there",
    end_others: "Sign out everywhere else",
    password: "Password",
    password_explained: "A new password signs you out everywhere else, and every application asks you to sign in again.",
    password_current: "Current password",
    password_new: "New password",
    password_again: "New password again",
    password_change: "Change password",
    current_wrong: "That is not your current password. Nothing has been changed.",
    password_missing: "Enter your current password and the new one.",
    password_different: "The two new passwords differ. Type the same one twice.",
    password_short: ("A new password has at least ", " characters."),
    password_long: "The new password is too long.",
    password_same: "The new password is the one you have already. Choose another.",
    password_name: "Your name or email address is no password. Choose another.",
    password_not_here: "Your password can’t be changed here. Ask whoever runs this service.",
    password_overtaken: "Your password was changed by somebody else just now. Load the page again and look whether it was you.",
    done: &[
        ("withdrawn", "The application has no access any more. What it has kept of its own is not deleted by this."),
        ("session-ended", "You are signed out there."),
        ("others-ended", "You are signed out everywhere else."),
        ("password-changed", "Your password is changed, and you are signed out everywhere else."),
    ],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    after_day: "",
};

pub(super) static DE: OwnTexts = OwnTexts {
    title: "Ihr Konto",
    sign_in_for: "um Ihr Konto zu sehen",
    open: "Anwendung öffnen",
    open_explained: "Sie meldet Sie mit diesem Konto an.",
    apps: "Anwendungen mit Zugriff",
    no_apps: "Keine Anwendung hat Zugriff auf Ihr Konto.",
    since: "Seit",
    used: "zuletzt benutzt",
    resources: "Bei",
    withdraw: "Zugriff entziehen",
    withdraw_of: "Zugriff entziehen:",
    sessions: "Wo Sie angemeldet sind",
    this_session: "Dieser Browser",
    unknown_device: "Unbekannter Browser",
    signed_in: "Angemeldet",
    seen: "zuletzt gesehen",
    used_for: "Benutzt für",
    end: "Dort abmelden",
    end_others: "Überall sonst abmelden",
    password: "Passwort",
    password_explained: "Ein neues Passwort meldet Sie überall sonst ab, und jede Anwendung bittet Sie erneut um die Anmeldung.",
    password_current: "Bisheriges Passwort",
    password_new: "Neues Passwort",
    password_again: "Neues Passwort noch einmal",
    password_change: "Passwort ändern",
    current_wrong: "Das ist nicht Ihr bisheriges Passwort. Es wurde nichts geändert.",
    password_missing: "Bitte geben Sie Ihr bisheriges und das neue Passwort ein.",
    password_different: "Die beiden neuen Passwörter sind verschieden. Bitte geben Sie zweimal dasselbe ein.",
    password_short: ("Ein neues Passwort hat mindestens ", " Zeichen."),
    password_long: "Das neue Passwort ist zu lang.",
    password_same: "Das neue Passwort haben Sie schon. Bitte wählen Sie ein anderes.",
    password_name: "Ihr Name oder Ihre E-Mail-Adresse ist kein Passwort. Bitte wählen Sie ein anderes.",
    password_not_here: "Ihr Passwort lässt sich hier nicht ändern. Fragen Sie die Betreiber dieses Dienstes.",
    password_overtaken: "Ihr Passwort wurde gerade von jemand anderem geändert. Laden Sie die Seite neu und prüfen Sie, ob Sie das waren.",
    done: &[
        (
            "withdrawn",
            "Die Anwendung hat keinen Zugriff mehr. Was sie selbst gespeichert hat, wird dadurch nicht gelöscht.",
        ),
        ("session-ended", "Sie sind dort abgemeldet."),
        ("others-ended", "Sie sind überall sonst abgemeldet."),
        ("password-changed", "Ihr Passwort ist geändert, und Sie sind überall sonst abgemeldet."),
    ],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    after_day: ".",
};

#[cfg(test)]
mod tests {
    use super::{DE, EN};

    #[test]
    fn times_are_told_as_the_language_does_and_both_languages_tell_the_same() {
        let at = "2026-03-01T07:05:59Z".parse().unwrap();
        assert_eq!(EN.moment(at), "1 March 2026, 07:05 UTC");
        assert_eq!(DE.moment(at), "1. März 2026, 07:05 UTC");
        let names = |done: &[(&'static str, &'static str)]| done.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(EN.done), names(DE.done));
    }
}
