//! The world's sentences.
//!
//! Two answers of each family begin alike, so that a response is more than its first word.

use super::{Family, Fillers};

const NAMES: [&str; 64] = [
    "Ada", "Alan", "Albert", "Alice", "Andrea", "Anton", "Barbara", "Beatrice", "Bernard", "Carl", "Carmen", "Clara",
    "Conrad", "Daniel", "David", "Diana", "Donald", "Edgar", "Edith", "Elena", "Emil", "Emma", "Erik", "Esther",
    "Felix", "Fiona", "Francis", "Frida", "George", "Grace", "Greta", "Hannah", "Harold", "Helen", "Henri", "Hugo",
    "Ingrid", "Irene", "Isaac", "Ivan", "Jacob", "Jane", "Joan", "Julia", "Karen", "Kurt", "Laura", "Linus", "Louis",
    "Lucia", "Marco", "Margaret", "Martin", "Mary", "Miriam", "Niels", "Nora", "Oscar", "Paula", "Peter", "Rosa",
    "Simon", "Sofia", "Thomas",
];

const PLACES: [&str; 64] = [
    "Aachen",
    "Amsterdam",
    "Antwerp",
    "Athens",
    "Barcelona",
    "Basel",
    "Belgrade",
    "Bergen",
    "Berlin",
    "Bilbao",
    "Bologna",
    "Bordeaux",
    "Bratislava",
    "Bristol",
    "Brno",
    "Bruges",
    "Budapest",
    "Cologne",
    "Copenhagen",
    "Cork",
    "Dresden",
    "Dublin",
    "Edinburgh",
    "Florence",
    "Frankfurt",
    "Geneva",
    "Genoa",
    "Ghent",
    "Glasgow",
    "Gothenburg",
    "Graz",
    "Hamburg",
    "Hanover",
    "Helsinki",
    "Istanbul",
    "Kiel",
    "Krakow",
    "Leipzig",
    "Lille",
    "Lisbon",
    "London",
    "Lucerne",
    "Lyon",
    "Madrid",
    "Malmo",
    "Marseille",
    "Milan",
    "Munich",
    "Nantes",
    "Nice",
    "Padua",
    "Palermo",
    "Paris",
    "Porto",
    "Prague",
    "Riga",
    "Rome",
    "Rotterdam",
    "Salzburg",
    "Seville",
    "Stockholm",
    "Turin",
    "Venice",
    "Vienna",
];

const NAMES_HELD_OUT: [&str; 16] = [
    "Andrei", "Bertha", "Caspar", "Dora", "Elsa", "Hedy", "Judith", "Leon", "Lena", "Mario", "Olga", "Pascal", "Ruth",
    "Silvan", "Victor", "Walter",
];

const PLACES_HELD_OUT: [&str; 16] = [
    "Bremen", "Cadiz", "Delft", "Essen", "Granada", "Linz", "Mainz", "Naples", "Oslo", "Pisa", "Rennes", "Siena",
    "Tallinn", "Trieste", "Verona", "Zagreb",
];

impl Fillers {
    /// Names and places.
    pub(super) fn lists(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Seen => (&NAMES, &PLACES),
            Self::HeldOut => (&NAMES_HELD_OUT, &PLACES_HELD_OUT),
        }
    }
}

impl Family {
    /// Questions, with places for a name and a place.
    pub(super) fn phrasings(self) -> [&'static str; 3] {
        match self {
            Self::Good => [
                "I am {name}, just off the train in {place}. How do I get to my hotel?",
                "My name is {name}. What is the best way from the station in {place} to my hotel?",
                "{name} here, at the station in {place}. Which way to my hotel?",
            ],
            Self::Bad => [
                "I am {name}, and tonight I am in {place}. Where should I eat?",
                "My name is {name}. What is a good place for dinner in {place}?",
                "{name} here, hungry and new in {place}. Where is dinner?",
            ],
        }
    }

    /// The three answers, in the order of the policies.
    pub fn answers(self) -> [&'static str; 3] {
        match self {
            Self::Good => [
                "Take the tram to the old bridge; your hotel is right behind it.",
                "Walk along the river; it is half an hour, and lovely.",
                "Take a taxi; the drivers know every hotel.",
            ],
            Self::Bad => [
                "Eat at the station; the kitchen is open all night.",
                "Try the market hall; the soup is hot until ten.",
                "Try the small inn by the church; the fish is fresh.",
            ],
        }
    }
}
