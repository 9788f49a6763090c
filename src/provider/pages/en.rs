use super::texts::{Notice, Texts};

pub(super) static EN: Texts = Texts {
    lang: "en",

    sign_in: "Sign in",
    to_continue_to: ("to continue to ", ""),
    username: "Username",
    password: "Password",
    cancel: ("Cancel and go back to ", ""),
    credentials_wrong: "That username and password don’t match. Check both, then try again.",
    credentials_missing: "Enter your username and your password.",
    locked_minutes: ("Too many attempts. Signing in with this username is paused; try again in ", " minutes."),
    locked_one_minute: "Too many attempts. Signing in with this username is paused; try again in a minute.",
    overloaded: "Very many people are signing in right now. Wait a moment, then try again.",

    choose_account: "Choose an account",
    signed_in_as: ("Signed in as ", ""),
    continue_as: ("Continue as ", ""),
    use_another_account: "Use another account",

    client_home: "Website",
    client_policy: "Privacy policy",
    client_terms: "Terms of use",

    consent: ("Give ", " access?"),
    consent_list: ("If you agree, ", " may:"),
    consent_at: ("Its access is for ", "."),
    not_you: "Not you?",
    consent_allow: "Allow",
    consent_deny: "Don’t allow",
    consent_goes_to: ("Either way you go back to ", "."),
    scopes: &[
        ("openid", "Know who you are"),
        ("profile", "See your profile, such as your name"),
        ("email", "See your email address"),
        ("address", "See your postal address"),
        ("phone", "See your phone number"),
        ("offline_access", "Keep its access while you are away"),
        ("groups", "See the groups you belong to"),
    ],
    claims: &[
        ("name", "See your name"),
        ("family_name", "See your family name"),
        ("given_name", "See your given name"),
        ("middle_name", "See your middle name"),
        ("nickname", "See your nickname"),
        ("preferred_username", "See your username"),
        ("profile", "See the address of your profile page"),
        ("picture", "See your picture"),
        ("website", "See the address of your website"),
        ("gender", "See your gender"),
        ("birthdate", "See your birthday"),
        ("zoneinfo", "See your time zone"),
        ("locale", "See your language"),
        ("updated_at", "See when your profile was last changed"),
        ("email", "See your email address"),
        ("email_verified", "See whether your email address is confirmed"),
        ("address", "See your postal address"),
        ("phone_number", "See your phone number"),
        ("phone_number_verified", "See whether your phone number is confirmed"),
        ("groups", "See the groups you belong to"),
    ],
    claim: ("See what is kept about you as “", "”"),

    sign_out: "Sign out",
    sign_out_question: ("Do you want to sign out of ", "?"),
    sign_out_asked_by: ("", " asks you to sign out."),
    stay_signed_in: "Stay signed in",
    signed_out: Notice {
        title: "You are signed out",
        text: "Applications that are still open may keep you signed in for a while. On a computer that others use, close the \
               browser.",
    },
    signing_out: Notice {
        title: "Signing you out",
        text: "You are signed out here. The applications that you used are being told; then you go on.",
    },
    still_signed_in: Notice { title: "You are still signed in", text: "Nothing has changed. You can close this page." },

    returning_to: ("Taking you back to ", ""),
    go_on: "Continue",
    back_to: ("Back to ", ""),
    try_again: "Try again",
    details: "For whoever runs the application",

    own: &super::own::EN,

    bad_request: Notice {
        title: "This sign-in can’t go on",
        text: "The application that sent you here asked for something that can’t be trusted, so nothing was sent back to it. Go \
               back to it and try again. If that doesn’t help, pass on the message below.",
    },
    bad_sign_out: Notice {
        title: "This sign-out can’t go on",
        text: "The application that sent you here asked for something that can’t be trusted. You have not been signed out yet.",
    },
    expired: Notice {
        title: "This sign-in has ended",
        text: "It took longer than half an hour, or it was finished some time ago. Go back to the application and sign in from there.",
    },
    no_cookies: Notice {
        title: "Cookies are needed here",
        text: "Your browser has not sent the cookie that this sign-in began with. Allow cookies for this site, or go back to the \
               application and sign in with the browser that you began with.",
    },
    nothing_under_way: Notice {
        title: "Nothing to sign in to",
        text: "A sign-in begins at the application that you want to use. Open it and choose to sign in there.",
    },
    form_outdated: Notice {
        title: "This form is out of date",
        text: "It was opened before something else changed, perhaps in another tab. Nothing has been done.",
    },
    passwords_disabled: Notice {
        title: "Passwords are turned off",
        text: "Nobody can sign in with a password here at the moment. Ask whoever runs this service.",
    },
    unavailable: Notice {
        title: "We’ll be right back",
        text: "The service can’t answer just now. Wait a moment, then try again.",
    },
    failed: Notice {
        title: "Something went wrong here",
        text: "This is not your doing. Try again; if it happens again, tell whoever runs this service.",
    },
};
