"""Clusters of texts by their words: texts of a subject are together, islands are apart, the result is repeatable."""

import random
from itertools import combinations
from math import dist

import pytest

from pipelines.report.clusters import CLUSTER, find_clusters, words_of

SUBJECTS = {
    "football": "فريق لاعب مباراة هدف مدرب بطولة نادي ملعب جمهور كرة دوري شوط",
    "weather": "طقس حرارة أمطار رياح غيوم درجة عاصفة ضباب رطوبة شمس ثلوج برد",
    "law": "محكمة قاضي حكم شاهد قانون عقد دعوى محام متهم سجن براءة مادة",
    "kitchen": "ملعقة دقيق سكر زيت فرن عجين بصل ثوم ملح فلفل طبق خبز",
}
COMMON = ["في", "من", "على", "إلى", "هذا", "الذي", "كان"]


def texts(of_each: int) -> list[str]:
    draw = random.Random(7)
    return [
        " ".join(draw.choices(SUBJECTS[subject].split(), k=30) + draw.choices(COMMON, k=20))
        for _ in range(of_each)
        for subject in SUBJECTS
    ]


@pytest.fixture(scope="module")
def clusters():
    made = find_clusters(texts(CLUSTER))
    assert made is not None
    return made


def test_texts_of_a_subject_are_in_one_cluster_that_its_words_name(clusters):
    assert len(set(zip(clusters.of, [*SUBJECTS] * CLUSTER, strict=True))) == len(SUBJECTS) == len(clusters.words)
    for number, subject in zip(clusters.of, [*SUBJECTS] * CLUSTER, strict=True):
        assert set(clusters.words[number]) <= set(SUBJECTS[subject].split())


def test_islands_do_not_overlap_and_hold_their_points(clusters):
    for first, second in combinations(range(len(clusters.centres)), 2):
        assert dist(clusters.centres[first], clusters.centres[second]) > clusters.radii[first] + clusters.radii[second]
    for number, place in zip(clusters.of, clusters.places, strict=True):
        assert dist(place, clusters.centres[number]) <= clusters.radii[number]
        assert all(0 <= coordinate <= 1 for coordinate in place)


def test_the_same_texts_have_the_same_map(clusters):
    assert find_clusters(texts(CLUSTER)) == clusters


@pytest.mark.parametrize("many", [[], ["x"], ["same words here"] * 200, [""] * 200])
def test_texts_that_are_too_few_or_alike_have_no_map(many):
    assert find_clusters(many) is None


def test_words_are_without_vowel_marks_and_article():
    assert words_of("وَالْمَدْرَسَةُ بالبيت Word x2 والد") == ["مدرسة", "بيت", "word", "والد"]
