"""Everyday words by which people in an incident tell what a message is; a hint beside its form, never alone.

Words of several languages; no names of systems, products or people. `*` stands for any ending, `_` for a space;
apostrophes are left out: `dont`, `its`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum, auto
from functools import lru_cache

_CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"
_WORD = re.compile(r"[^\W_]+|\+1|👍")
_SHORTEST_STEM = 4


class Cue(IntEnum):
    """What the words of a message hint at; numbers, since sets of them are made for every message."""

    FINDS = auto()
    CAUSE = auto()
    RULES_OUT = auto()
    FAILS = auto()
    PERSISTS = auto()
    AFFECTED = auto()
    DONE = auto()
    FINISHED = auto()
    INTENDS = auto()
    DECIDES = auto()
    BETTER = auto()
    CLOSES = auto()
    OVER = auto()
    NOT_YET = auto()
    REOPENS = auto()
    BEGAN = auto()
    STARTS = auto()
    WHEN = auto()
    AGO = auto()
    LEADS = auto()
    NOTICED = auto()
    HEDGES = auto()
    ELSEWHERE = auto()
    EXPECTED = auto()
    FALSE_ALARM = auto()
    MITIGATED = auto()
    LOOKS = auto()
    LESSON = auto()
    YES = auto()


_TABLE: Mapping[Cue, str] = {
    Cue.FINDS: """
        found_it found_the found_that found_a i_found we_found finding* cause causes caused causing because bc
        due_to culprit reason root turns_out explain explains thats_why so_its its_the it_was point_to points_to
        identified traced narrowed introduced which_means means so_somebody so_someone so_the so_that so_this
        so_they so_we so_it so_no so_all got_him got_it got_them got_one here_he_is here_it_is here_she_is
        there_it_is misconfig* typo bug bugs leak leaks leaking leaked expired gefunden ursache weil liegt_an
        liegt_am schuld grund deshalb parce_que à_cause trouvé raison causa porque encontr* culpa por_eso achei
        descobri*
    """,
    Cue.CAUSE: """
        cause causes caused root_cause culprit because due_to turns_out introduced_by introduced_in introduced_with
        thats_why explains reason comes_from triggered_by ursache weil liegt_an liegt_am parce_que à_cause causa
        porque por_culpa
    """,
    Cue.RULES_OUT: """
        not_it not_them not_us not_me not_him not_the_cause not_that not_our not_a not_related isnt wasnt arent
        ruled_out rule_out ruling_out scrap same is_fine are_fine all_fine is_ok are_ok is_okay all_ok looks_fine
        look_fine looks_ok looks_good look_good is_good are_good is_healthy are_healthy all_healthy is_green
        are_green all_green is_clean is_normal is_up unaffected not_affected so_no no_change no_effect no_difference
        no_impact no_error no_errors no_diff didnt_help didnt_work didnt_take didnt_do didnt_change didnt_fix
        doesnt_help doesnt_match doesnt_explain nothing nope false_alarm disprove* innocent not_touched untouched
        nicht_der nicht_die nicht_das nicht_es nicht_wir ausgeschlossen pas_ça pas_nous pas_le pas_la écarté no_es
        descartad* não_é
    """,
    Cue.FAILS: """
        again climbing rising spik* growing going_up everyone everybody nobody_can all_down all_failing broke broken
        break breaks down fail* crash* hang hangs hanging hung stuck timeout timeouts timing_out slow slower slowly
        error errors dead dying drop drops dropped dropping lost missed missing unreachable outage oom full empty
        exhaust* backed_up backlog degraded corrupt* frozen refus* reject* wrong kaputt ausfall* fehler steht
        langsam panne erreur* lent lente caíd* falla* errores lento fora_do_ar erro erros
    """,
    Cue.PERSISTS: """
        still worse worsen* not_fixed not_gone not_over not_better no_effect didnt_help didnt_work didnt_take
        schlimmer immer_noch encore toujours otra_vez sigue peor de_novo ainda pior
    """,
    Cue.AFFECTED: """
        customer* user users client* merchant* order orders request requests payment* ticket tickets call calls
        complain* subscriber* viewer* player* patient* passenger* account* session sessions shipment* parcel*
        transaction* people store stores shop shops site sites tenant* device* driver* student* visitor* caller*
        phone phones support impact* affected stream streams booking* kunde kunden nutzer* bestellung* anruf*
        utilisat* commande* appel appels cliente* usuario* pedido* llamada* chamada*
    """,
    Cue.DONE: """
        restarted rebooted bounced rolled_back reverted redeployed deployed shipped released pushed merged applied
        scaled killed terminated stopped started switched flipped toggled disabled enabled turned_on turned_off
        drained failed_over promoted blocked rotated revoked cancelled canceled ran bumped raised increased lowered
        flushed cleared purged deleted removed added moved rerouted redirected replayed requeued paused resumed
        unblocked patched hotfix* opened_a ticket_open p1_open case_open paged called mailed escalated posted
        published announced notified informed told swapped replaced unplugged done is_out is_live out_to
        neu_gestartet neugestartet zurückgerollt abgeschaltet umgestellt gestoppt ausgerollt gelöscht redémarré
        coupé désactivé activé déployé basculé reiniciad* desplegad* apagad* activad* cambiad* reiniciei feito
    """,
    Cue.FINISHED: """
        finished complete completed succeeded successful successfully failed aborted timed_out done no_effect fertig
        abgeschlossen terminé réussi terminad* completad* concluíd*
    """,
    Cue.INTENDS: """
        ill i_will im_going_to gonna going_to on_it doing looking checking reading will_do let_me sec one_sec brb
        trying running digging watching in_progress joining so_far waiting will schau schaue moment gleich
        je_regarde jarrive voy mirando un_momento vou
    """,
    Cue.DECIDES: """
        decision* decide decided deciding lets we_will we_should we_go we_do we_dont were_going_to well_go plan
        instead rather hold_off stop dont hands_off nobody no_more freeze frozen go_with rollback roll_back revert
        failover fail_over scale switch keep leave wir lass_uns lasst_uns entscheid* beschlossen stattdessen on_va
        on_fait on_garde on_coupe décid* plutôt vamos_a decid* hacemos mejor
    """,
    Cue.BETTER: """
        recover* back_to_normal back_up is_back are_back were_back all_back work works working good_again all_good
        clean stable green flat draining drained normal healthy improv* fixed hold holds holding gone pass passes
        succe* ok_again flowing caught_up catching_up down_again no_more_errors no_new_errors zero_errors mitigated
        restored subsid* dropping ok_now way_down all_through complete completed wieder_da wieder_ok wieder_gut
        läuft behoben grün stabil ça_marche ça_remarche rétabli* revenu funciona* recuperad* volvió estable voltou
        normalizou
    """,
    Cue.CLOSES: """
        resolved its_resolved now_closed its_closed this_is_closed were_closed mark_closed marking_closed now_over
        its_over this_is_over were_over all_over were_done all_done now_done its_solved all_solved closing
        im_closing incident_over incident_is_over incident_closed incident_is_closed incident_done incident_resolved
        call_it_over call_it_finished call_it_closed call_this_over call_this_done call_this_closed
        incident_is_resolved issue_closed issue_resolved all_clear stand_down standing_down wrap_up wrapping_up
        wrap_this_up thats_a_wrap end_of_incident call_it_done calling_it part_is_closed case_is_closed
        matter_is_closed issue_is_closed erledigt gelöst entwarnung schliesse schließe
        schließen résolu* clôtur* on_ferme je_ferme on_clôt je_clos terminé resuelt* cerramos
        cierro solucionad* resolvid* encerr* fechamos fecho
    """,
    Cue.OVER: "closed resolved resolving geschlossen gelöst fermé clos résolu cerrado resuelto fechado resolvido",
    Cue.NOT_YET: """
        not_yet not_resolved not_closed not_closing not_over before until til till if when once can_i can_we then_i
        later dont nobody not will gonna going_to premature* too_early leaving noch_nicht erst wenn pas_encore quand
        todavía_no cuando ainda_não
    """,
    Cue.REOPENS: """
        reopen reopened reopening re_open re_opening not_resolved not_over its_back wieder_offen rouvre rouvert
        reabr*
    """,
    Cue.BEGAN: """
        start starts started starting began begin begins beginning since first onset from went_out shipped deployed
        released picked_up restarted kicked_off launched as_of seit beginn beginnt begann angefangen erste erster
        ersten depuis commenc* début* premier première desde empez* inici* primer* começ*
    """,
    Cue.STARTS: """
        start starts started began begin beginning onset impact_from start_time beginn begann angefangen début
        commencé inicio empezó início começou triggered when_it_broke
    """,
    Cue.WHEN: "when what_time since_when wann seit_wann quand cuándo desde_cuándo quando",
    Cue.AGO: "ago earlier past last vor hace il_y_a há",
    Cue.NOTICED: """
        phone phoned call called calling calls wrote writes report reports reported notice noticed notices saw seen
        paged alert alerted complain* ticket tickets ringing rang anruf* gemeldet bemerkt llama* avisa* appel*
        signalé remarqué
    """,
    Cue.LEADS: """
        coordinating im_coordinating im_ic im_the_ic im_lead im_leading im_in_charge im_commander im_incident
        take_ic taking_ic take_the_ic take_the_lead taking_the_lead taking_lead taking_command ill_take_over
        taking_point have_ic have_the_ic have_the_lead ic incident_commander incident_lead incident_manager
        youre_leading commander moving_ic moving_the_lead handing_the_lead handing_over handing_lead
        passing_the_lead hand_over handover handoff einsatzleit* übernehme übergabe je_prends tomo_el_mando lidero
        assumo
    """,
    Cue.HEDGES: """
        could_be may_be maybe might perhaps bet guess suspect i_think probably possibly wonder theory what_if
        feels_like vielleicht vermutlich könnte peut_être je_pense quizá quizás a_lo_mejor creo_que talvez acho_que
    """,
    Cue.ELSEWHERE: """
        staging stage stg dev test testing qa uat sandbox preprod pre_prod preview nightly lab recette homologação
    """,
    Cue.EXPECTED: """
        planned expected unrelated ignore known flaky noise thats_us thats_me thats_mine thats_the not_ours not_us
        thats_just its_just not_related not_that my_branch maintenance_window geplant erwartet bekannt prévu connu
        previsto conocido esperado false_positive
    """,
    Cue.FALSE_ALARM: "false_alarm false_positive fehlalarm fausse_alerte falsa_alarma falso_alarme",
    Cue.MITIGATED: "mitigated mitigation_in_place mitigation_is_in_place mitigation_done entschärft atténué mitigad*",
    Cue.LOOKS: "snapshot dump curl status list show describe log logs get tail explain ping",
    Cue.LESSON: """
        should_have shouldve would_have wouldve could_have next_time lesson lessons learned learnt by_luck lucky
        we_lost too_late too_early went_well good_thing never_again hätten nächstes_mal la_prochaine_fois
        la_próxima_vez
    """,
    Cue.YES: """
        yes yep yeah yup ok okay k go do_it approve approved lgtm ship_it agree agreed fine sounds_good sgtm sure
        please_do none +1 👍 confirm confirmed granted ja passt mach los freigegeben oui vas_y daccord sí si dale
        vale adelante sim pode got_it green_light ack makes_sense no_objection no_objections
    """,
}

_Way = tuple[tuple[str, ...], Cue]


def _index() -> tuple[dict[str, list[_Way]], dict[str, list[Cue]]]:
    """The table by first words, for one pass over a message: words and phrases, and stems."""
    ways: dict[str, list[_Way]] = {}
    stems: dict[str, list[Cue]] = {}
    for cue, entries in _TABLE.items():
        for entry in entries.split():
            if entry.endswith("*"):
                stems.setdefault(entry[:-1], []).append(cue)
            else:
                first, *rest = entry.split("_")
                ways.setdefault(first, []).append((tuple(rest), cue))
    return ways, stems


_WAYS, _STEMS = _index()


def hear(text: str) -> frozenset[Cue]:
    """The cues in `text`; texts with the same cues share one set."""
    said = _WORD.findall(text.lower().replace("'", "").replace(_CURLY, ""))
    found: set[Cue] = set()
    for number, word in enumerate(said, start=1):
        cues, phrases = _known(word)
        if cues:
            found |= cues
        for rest, cue in phrases:
            if tuple(said[number : number + len(rest)]) == rest:
                found.add(cue)
    return shared(frozenset(found))


@lru_cache(maxsize=16_384)
def _known(word: str) -> tuple[frozenset[Cue], tuple[_Way, ...]]:
    """What a word is a cue of by itself, and what with the words after it."""
    ways = _WAYS.get(word, ())
    alone = {cue for rest, cue in ways if not rest}
    for length in range(_SHORTEST_STEM, len(word) + 1):
        alone.update(_STEMS.get(word[:length], ()))
    return frozenset(alone), tuple(way for way in ways if way[0])


@lru_cache(maxsize=16_384)
def shared(cues: frozenset[Cue]) -> frozenset[Cue]:
    """One set for all that are alike: messages have few kinds of them, and are many."""
    return cues
