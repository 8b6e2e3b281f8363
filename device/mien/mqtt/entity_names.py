"""The names of the entities in Home Assistant, by language."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, tuple[str, str, str, str, str]] = {
    # key: English, German, Spanish, French, Greek
    "expression": ("Expression", "Ausdruck", "Expresión", "Expression", "Έκφραση"),
    "confidence": ("Confidence", "Sicherheit", "Confianza", "Confiance", "Βεβαιότητα"),
    "face": ("Face", "Gesicht", "Rostro", "Visage", "Πρόσωπο"),
    "mood": ("Mood change", "Stimmungswechsel", "Cambio de ánimo", "Changement d'humeur", "Αλλαγή διάθεσης"),
    "valence": ("Valence", "Valenz", "Valencia", "Valence", "Σθένος"),
    "arousal": ("Arousal", "Erregung", "Activación", "Activation", "Διέγερση"),
    "detection": ("Detection", "Erkennung", "Detección", "Détection", "Ανίχνευση"),
    "threshold": (
        "Confidence threshold",
        "Sicherheitsschwelle",
        "Umbral de confianza",
        "Seuil de confiance",
        "Όριο βεβαιότητας",
    ),
    "profile": ("Profile", "Profil", "Perfil", "Profil", "Προφίλ"),
    "learn": (
        "Learn a face",
        "Gesicht anlernen",
        "Aprender un rostro",
        "Apprendre un visage",
        "Εκμάθηση προσώπου",
    ),
    "learning": ("Learning", "Anlernen", "Aprendizaje", "Apprentissage", "Εκμάθηση"),
    "restart": ("Restart", "Neustart", "Reiniciar", "Redémarrer", "Επανεκκίνηση"),
    "camera_problem": ("Camera", "Kamera", "Cámara", "Caméra", "Κάμερα"),
    "soc_temperature": (
        "SoC temperature",
        "SoC-Temperatur",
        "Temperatura del SoC",
        "Température du SoC",
        "Θερμοκρασία SoC",
    ),
    "inference_time": (
        "Inference time",
        "Inferenzzeit",
        "Tiempo de inferencia",
        "Temps d'inférence",
        "Χρόνος συμπερασμού",
    ),
    "fps": (
        "Frames a second",
        "Bilder pro Sekunde",
        "Imágenes por segundo",
        "Images par seconde",
        "Καρέ ανά δευτερόλεπτο",
    ),
    "version": ("Version", "Version", "Versión", "Version", "Έκδοση"),
    "music": ("Music", "Musik", "Música", "Musique", "Μουσική"),
    "intent": ("Music intent", "Musikabsicht", "Intención musical", "Intention musicale", "Πρόθεση μουσικής"),
    "manual_mood": ("Manual mood", "Stimmung von Hand", "Ánimo manual", "Humeur manuelle", "Χειροκίνητη διάθεση"),
    "skip": ("Skip song", "Lied überspringen", "Saltar canción", "Passer le morceau", "Παράλειψη τραγουδιού"),
    "playing": ("Now playing", "Läuft gerade", "Suena ahora", "En cours de lecture", "Παίζει τώρα"),
    "why": (
        "Why this song",
        "Warum dieses Lied",
        "Por qué esta canción",
        "Pourquoi ce morceau",
        "Γιατί αυτό το τραγούδι",
    ),
}

LANGUAGES = ("en", "de", "es", "fr", "el")


def entity_name(key: str, language: str) -> str:
    """Return the name of an entity in one of LANGUAGES."""
    return NAMES[key][LANGUAGES.index(language)]
