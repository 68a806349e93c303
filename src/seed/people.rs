//! The crew of the invented Halden Ferries.

pub struct Person {
    pub name: &'static str,
    pub handle: &'static str,
    pub title: &'static str,
    pub tz: &'static str,
}

const fn person(
    name: &'static str,
    handle: &'static str,
    title: &'static str,
    tz: &'static str,
) -> Person {
    Person {
        name,
        handle,
        title,
        tz,
    }
}

/// The first owns the workspace, the next two are admins.
pub const CREW: [Person; 14] = [
    person(
        "Ingrid Solheim",
        "ingrid",
        "Managing director",
        "Europe/Oslo",
    ),
    person("Tomás Ferreira", "tomas", "Fleet manager", "Europe/Lisbon"),
    person(
        "Priya Raghunathan",
        "priya",
        "Head of timetable and crews",
        "Asia/Kolkata",
    ),
    person(
        "ليلى الحداد",
        "layla",
        "Customer care, Arabic and French",
        "Asia/Beirut",
    ),
    person(
        "נועם פרידמן",
        "noam",
        "Ticketing software",
        "Asia/Jerusalem",
    ),
    person("佐藤 美咲", "misaki", "Naval architect", "Asia/Tokyo"),
    person(
        "Oluwaseun Adébáyọ̀-Ọlátúnjí Kristoffersen",
        "seun",
        "Chief engineer, MS Solvind and MS Nordlys",
        "Africa/Lagos",
    ),
    person(
        "Zoë van der Meer-O’Sullivan",
        "zoe",
        "Harbour master",
        "Europe/Amsterdam",
    ),
    person(
        "Дмитро Коваленко",
        "dmytro",
        "Electrical engineer",
        "Europe/Kyiv",
    ),
    person("김서연", "seoyeon", "Data and forecasts", "Asia/Seoul"),
    person(
        "Marek Wójcik",
        "marek",
        "Captain, MS Tidevann",
        "Europe/Warsaw",
    ),
    person("Ana", "ana", "", "America/Bogota"),
    person(
        "Eleftheria Papadopoulou",
        "elef",
        "Finance",
        "Europe/Athens",
    ),
    person("Bo", "bo", "Deckhand", "Europe/Oslo"),
];
