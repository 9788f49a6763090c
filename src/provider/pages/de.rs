use super::texts::{Notice, Texts};

pub(super) static DE: Texts = Texts {
    lang: "de",

    sign_in: "Anmelden",
    to_continue_to: ("weiter zu ", ""),
    username: "Benutzername",
    password: "Passwort",
    cancel: ("Abbrechen und zurück zu ", ""),
    credentials_wrong: "Benutzername und Passwort passen nicht zusammen. Bitte prüfen Sie beides und versuchen Sie es erneut.",
    credentials_missing: "Bitte geben Sie Benutzernamen und Passwort ein.",
    locked_minutes: (
        "Zu viele Versuche. Die Anmeldung mit diesem Benutzernamen ist ausgesetzt; bitte versuchen Sie es in ",
        " Minuten erneut.",
    ),
    locked_one_minute: "Zu viele Versuche. Die Anmeldung mit diesem Benutzernamen ist ausgesetzt; bitte versuchen Sie es in einer \
                        Minute erneut.",
    overloaded: "Gerade melden sich sehr viele an. Bitte warten Sie einen Augenblick und versuchen Sie es erneut.",

    choose_account: "Konto auswählen",
    signed_in_as: ("Angemeldet als ", ""),
    continue_as: ("Weiter als ", ""),
    use_another_account: "Anderes Konto verwenden",

    client_home: "Website",
    client_policy: "Datenschutzerklärung",
    client_terms: "Nutzungsbedingungen",

    consent: ("", " Zugriff geben?"),
    consent_list: ("Wenn Sie zustimmen, darf ", ":"),
    consent_at: ("Der Zugriff gilt für ", "."),
    not_you: "Nicht Sie?",
    consent_allow: "Zustimmen",
    consent_deny: "Ablehnen",
    consent_goes_to: ("In beiden Fällen geht es zurück zu ", "."),
    scopes: &[
        ("openid", "Erkennen, wer Sie sind"),
        ("profile", "Ihr Profil sehen, etwa Ihren Namen"),
        ("email", "Ihre E-Mail-Adresse sehen"),
        ("address", "Ihre Anschrift sehen"),
        ("phone", "Ihre Telefonnummer sehen"),
        ("offline_access", "Den Zugriff behalten, während Sie nicht da sind"),
        ("groups", "Sehen, zu welchen Gruppen Sie gehören"),
    ],
    claims: &[
        ("name", "Ihren Namen sehen"),
        ("family_name", "Ihren Nachnamen sehen"),
        ("given_name", "Ihren Vornamen sehen"),
        ("middle_name", "Ihren zweiten Vornamen sehen"),
        ("nickname", "Ihren Spitznamen sehen"),
        ("preferred_username", "Ihren Benutzernamen sehen"),
        ("profile", "Die Adresse Ihrer Profilseite sehen"),
        ("picture", "Ihr Bild sehen"),
        ("website", "Die Adresse Ihrer Website sehen"),
        ("gender", "Ihr Geschlecht sehen"),
        ("birthdate", "Ihren Geburtstag sehen"),
        ("zoneinfo", "Ihre Zeitzone sehen"),
        ("locale", "Ihre Sprache sehen"),
        ("updated_at", "Sehen, wann Ihr Profil zuletzt geändert wurde"),
        ("email", "Ihre E-Mail-Adresse sehen"),
        ("email_verified", "Sehen, ob Ihre E-Mail-Adresse bestätigt ist"),
        ("address", "Ihre Anschrift sehen"),
        ("phone_number", "Ihre Telefonnummer sehen"),
        ("phone_number_verified", "Sehen, ob Ihre Telefonnummer bestätigt ist"),
        ("groups", "Sehen, zu welchen Gruppen Sie gehören"),
    ],
    claim: ("Sehen, was unter „", "“ über Sie gespeichert ist"),

    sign_out: "Abmelden",
    sign_out_question: ("Möchten Sie sich bei ", " abmelden?"),
    sign_out_asked_by: ("", " bittet um Ihre Abmeldung."),
    stay_signed_in: "Angemeldet bleiben",
    signed_out: Notice {
        title: "Sie sind abgemeldet",
        text: "In offenen Anwendungen können Sie noch eine Weile angemeldet sein. Schließen Sie an einem Rechner, den auch andere \
               benutzen, den Browser.",
    },
    signing_out: Notice {
        title: "Sie werden abgemeldet",
        text: "Hier sind Sie abgemeldet. Die Anwendungen, die Sie benutzt haben, erfahren es gerade; dann geht es weiter.",
    },
    still_signed_in: Notice {
        title: "Sie sind weiterhin angemeldet",
        text: "Es hat sich nichts geändert. Sie können diese Seite schließen.",
    },

    returning_to: ("Es geht zurück zu ", ""),
    go_on: "Weiter",
    back_to: ("Zurück zu ", ""),
    try_again: "Erneut versuchen",
    details: "Für die Betreiber der Anwendung",

    own: &super::own::DE,

    bad_request: Notice {
        title: "Diese Anmeldung kann nicht weitergehen",
        text: "Die Anwendung, von der Sie kommen, hat um etwas gebeten, dem nicht zu trauen ist; ihr wurde deshalb nichts \
               zurückgegeben. Gehen Sie zu ihr zurück und versuchen Sie es erneut. Hilft das nicht, geben Sie die folgende Meldung \
               weiter.",
    },
    bad_sign_out: Notice {
        title: "Diese Abmeldung kann nicht weitergehen",
        text: "Die Anwendung, von der Sie kommen, hat um etwas gebeten, dem nicht zu trauen ist. Sie sind noch nicht abgemeldet.",
    },
    expired: Notice {
        title: "Diese Anmeldung ist beendet",
        text: "Sie hat länger als eine halbe Stunde gedauert oder wurde schon vor einiger Zeit abgeschlossen. Gehen Sie zur Anwendung \
               zurück und melden Sie sich von dort aus an.",
    },
    no_cookies: Notice {
        title: "Hier werden Cookies gebraucht",
        text: "Ihr Browser hat das Cookie nicht gesendet, mit dem diese Anmeldung begann. Erlauben Sie Cookies für diese Seite, oder \
               gehen Sie zur Anwendung zurück und melden Sie sich mit dem Browser an, mit dem Sie begonnen haben.",
    },
    nothing_under_way: Notice {
        title: "Hier gibt es nichts anzumelden",
        text: "Eine Anmeldung beginnt bei der Anwendung, die Sie benutzen möchten. Öffnen Sie diese und melden Sie sich dort an.",
    },
    form_outdated: Notice {
        title: "Dieses Formular ist überholt",
        text: "Seit es geöffnet wurde, hat sich etwas geändert, vielleicht in einem anderen Tab. Es ist nichts geschehen.",
    },
    passwords_disabled: Notice {
        title: "Passwörter sind abgeschaltet",
        text: "Zurzeit kann sich hier niemand mit einem Passwort anmelden. Bitte fragen Sie die Betreiber dieses Dienstes.",
    },
    unavailable: Notice {
        title: "Wir sind gleich wieder da",
        text: "Der Dienst kann gerade nicht antworten. Bitte warten Sie einen Augenblick und versuchen Sie es erneut.",
    },
    failed: Notice {
        title: "Hier ist etwas schiefgegangen",
        text: "Es liegt nicht an Ihnen. Versuchen Sie es erneut; geschieht es wieder, sagen Sie bitte den Betreibern dieses Dienstes \
               Bescheid.",
    },
};
