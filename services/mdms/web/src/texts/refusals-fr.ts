/** Refusals in French, by code: what happened, why the rule exists, what to do. A code without its words does not compile. */
import type { RefusalText, RefusalTextCode } from "@smarter-metering/policy";
import { requestRefusalsFr } from "./refusals-request-fr.ts";
import { serviceRefusalsFr } from "./refusals-service-fr.ts";

const DIFFER =
  "Comparez l’époque et les règles du registre chez les deux parties ; si elles concordent, signalez un défaut.";
const FINAL = "Rien : le jour reste une lacune. Voyez ce qui manquait ce jour-là.";
const EPOCH = "Le registre ne fait rien de tel : comparez son époque chez les deux parties.";
const RESTORED =
  "Normal après une restauration de l’agrégateur. Sinon, demandez à son exploitant pourquoi il a redemandé.";
const FALLBACK = "La facture utilise le prix que le tarif prévoit pour cela";
const RESIDUAL = {
  why: "Ce que les factures et la charge n’ont pas en commun serait leurs relevés.",
  todo: "Rien : ce résidu n’est jamais montré.",
};

export const refusalsFr: Readonly<Record<RefusalTextCode, RefusalText>> = {
  ...requestRefusalsFr,
  ...serviceRefusalsFr,
  R1_TOO_FEW_CONTRIBUTORS: {
    what: "Trop peu de compteurs ont contribué dans un intervalle.",
    why: "Une somme sur peu de ménages parle de chacun d’eux.",
    todo: FINAL,
  },
  R2_DOMINANT_FUSE: {
    what: "Un membre pourrait former une trop grande part de la somme, d’après son fusible.",
    why: "La charge d’un gros consommateur pourrait se lire dans une somme de petits.",
    todo: "Mettez les gros raccordements dans un groupe de leur sorte ; vérifiez le fusible au registre.",
  },
  R2_DOMINANT_CLASS: {
    what: "Un membre pourrait former une trop grande part de la somme, d’après sa classe de consommation.",
    why: "La charge d’un gros consommateur pourrait se lire dans une somme de petits.",
    todo: "Mettez les gros clients dans un groupe de leur sorte ; vérifiez la table des classes du registre.",
  },
  R3_ALREADY_RELEASED: {
    what: "Cet intervalle du quartier a déjà été publié.",
    why: "Deux sommes du même temps qui diffèrent d’un ménage livrent le relevé de ce ménage.",
    todo: RESTORED,
  },
  R3_OFF_BLOCK_GRID: {
    what: "Le bloc n’est pas sur la grille des jours du quartier.",
    why: "Des blocs qui se chevauchent en partie pourraient se soustraire.",
    todo: DIFFER,
  },
  R4_NOT_LAMINAR: {
    what: "Deux groupes partagent des membres sans que l’un contienne l’autre.",
    why: "Des sommes qui se recouvrent en partie se soustraient jusqu’à quelques ménages.",
    todo: EPOCH,
  },
  R4_SMALL_REMAINDER: {
    what: "Un groupe, moins les groupes qu’il contient, laisse trop peu de membres.",
    why: "La différence de leurs sommes serait la charge de ces quelques membres.",
    todo: EPOCH,
  },
  R5_EXPOSED: {
    what: "Avec ce qui est déjà publié, ceci montrerait une part des relevés de quelques membres.",
    why: "Charges et factures se soustraient ; ce qui reste doit être de beaucoup de ménages, ou rien.",
    todo: "Une charge reste une lacune. Une facture attend la période suivante et couvre les deux, si elle est encore ouverte.",
  },
  R6_SMALL_CHURN: {
    what: "Trop peu de membres sont entrés ou sortis avec une nouvelle version du groupe.",
    why: "Une somme avant et une après un seul déménagement livreraient ce ménage.",
    todo: EPOCH,
  },
  R7_INCOMPLETE: {
    what: "Une trop petite part des membres a contribué.",
    why: "Qui peut retenir des compteurs pourrait réduire une somme à un seul ménage.",
    todo: FINAL,
  },
  R8_OFF_GRID: {
    what: "La période ne commence ni ne finit sur la grille des minuits locaux.",
    why: "Des périodes aux bornes libres pourraient différer d’un jour, ce qui est un relevé.",
    todo: DIFFER,
  },
  R8_WINDOW_TOO_SHORT: {
    what: "La période de facturation est trop courte.",
    why: "L’énergie de quelques jours est presque un relevé.",
    todo: "Rien : la période suivante est assez longue. Une dernière facture couvre au moins sept jours.",
  },
  R8_OVERLAP: {
    what: "La période couvre des jours déjà facturés.",
    why: "Deux périodes qui se chevauchent se soustraient : il reste une période plus courte.",
    todo: RESTORED,
  },
  R8_BORDER_NOT_SHARED: {
    what: "La période ne commence pas par le registre qui a fini la précédente.",
    why: "Entre deux bornes différentes du même instant se trouve une part de relevé.",
    todo: "Demandez à l’exploitant de l’agrégateur : son journal et celui des garants ne concordent pas.",
  },
  R8_BORDER_OUTSIDE_CUTOFF: {
    what: "Le registre du compteur est arrivé trop tard pour cette borne.",
    why: "Une borne qui bouge librement fait des périodes de toute longueur.",
    todo: "Rien : la période s’étend à la borne suivante, et la facture le dit.",
  },
  R8_INSTALLATION_BORDER: {
    what: "La première période ne commence pas à la pose du compteur.",
    why: "Le premier registre est le seul qui n’en a aucun avant lui.",
    todo: "Vérifiez la pose du compteur au registre.",
  },
  R8_MOVE_OUTS_TOO_CLOSE: {
    what: "Un autre contrat a fini ici peu avant.",
    why: "La fin d’un contrat fait une courte période ; beaucoup de fins font des relevés.",
    todo: "Vérifiez au registre les contrats de ce lieu.",
  },
  R9_BAND_TOO_NARROW: {
    what: "Une plage du tarif vaut dans trop peu d’intervalles de la période.",
    why: "Le registre d’une plage d’une heure est le relevé de cette heure.",
    todo: "Lancez « tariff check » ; faites commencer la version à une borne de période, ou élargissez la plage.",
  },
  R9_VALUE_TOO_LARGE: {
    what: "Un registre pourrait dépasser ce que permet le fusible, ou le codage.",
    why: "Une valeur qui déborde se répandrait dans sa voisine.",
    todo: "Vérifiez au registre le fusible et le compteur du point de mesure.",
  },
  R9_COST_NOT_LOGGED: {
    what: "Les prix de ce coût ne sont pas dans le journal.",
    why: "Des prix faits pour un client pourraient coder ses relevés dans sa facture.",
    todo: `Publiez les prix ; d’ici là ${FALLBACK.toLowerCase()}.`,
  },
  R9_COST_CLASS_TOO_SMALL: {
    what: "Trop peu de clients ont ce tarif à prix variables.",
    why: "Des prix pour quelques-uns pourraient être choisis pour les lire.",
    todo: `${FALLBACK}, jusqu’à ce qu’assez de clients aient le tarif.`,
  },
  R9_COST_BESIDE_BANDS: {
    what: "Un coût et plus de plages qu’il n’en permet ont été demandés ensemble.",
    why: "Chaque registre de plus en dit davantage d’heures isolées.",
    todo: "Lancez « tariff check » : un tarif à prix variables a moins de plages.",
  },
  R9_COST_LEVERAGE: {
    what: "Les prix de cette période donneraient trop de poids à un seul intervalle.",
    why: "Un prix loin de tous les autres fait du coût le relevé de cet intervalle.",
    todo: `${FALLBACK} ; « tariff check » des prix dit lequel.`,
  },
  R9_COST_RESIDUE: {
    what: "Les prix isolent quelques intervalles par un diviseur commun.",
    why: "Le reste du coût après une division serait le relevé de ces intervalles.",
    todo: `${FALLBACK} ; « tariff check » des prix dit lesquels.`,
  },
  R11_TOO_FINE: {
    what: "Les intervalles sont plus courts que ne le permettent les règles.",
    why: "De courts intervalles montrent des appareils.",
    todo: DIFFER,
  },
  R11_NOT_REGISTERED_INTERVAL: {
    what: "Les intervalles ne sont pas ceux que le registre donne à ce quartier.",
    why: "Deux longueurs sur le même temps pourraient se soustraire.",
    todo: DIFFER,
  },
  TIMING_BEFORE_CUTOFF: {
    what: "La demande est venue avant que tous aient eu le temps de contribuer.",
    why: "Qui demande tôt choisit qui est dans la somme.",
    todo: "Signalez-le : l’agrégateur ne doit pas demander avant le délai.",
  },
  SHAPE_INCONSISTENT: {
    what: "Les nombres de la demande se contredisent, ou contredisent le registre.",
    why: "Aucune règle ne peut juger ce qui ne concorde pas.",
    todo: "Cherchez une classe, un calendrier ou un jeu de registres qui manque au registre ; sinon signalez un défaut.",
  },
  SHAPE_TOO_MANY_REGISTERS: {
    what: "Le calendrier a plus de registres que ne le permettent les règles.",
    why: "Plus de registres en disent plus d’une journée.",
    todo: "Facturez avec un calendrier de moins de plages.",
  },
  RESIDUAL_FEW_ABSENT: {
    what: "Quelques membres facturés manquaient dans la charge.",
    ...RESIDUAL,
  },
  RESIDUAL_FEW_UNBILLED: {
    what: "Quelques membres de la charge n’ont pas été facturés.",
    ...RESIDUAL,
  },
};
