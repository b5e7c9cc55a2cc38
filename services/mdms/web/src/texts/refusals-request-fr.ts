/** French: why trustees refuse a request before any rule, and why an answer to them is not believed. */
const BUG =
  "Signalez-le à l’exploitant de l’agrégateur et gardez le journal du garant : un défaut ou une attaque.";
const EPOCHS = "Comparez l’époque du registre chez l’agrégateur et chez le garant.";
const ANSWERS = "Voyez le garant qui est nommé ; l’agrégateur continue sans cette réponse.";

export const requestRefusalsFr = {
  REQUEST_MALFORMED: {
    what: "Un garant n’a pas pu lire la demande.",
    why: "Ce qui est mal formé n’est pas jugé.",
    todo: BUG,
  },
  REQUEST_FUTURE_EPOCH: {
    what: "La demande repose sur une époque du registre que le garant n’a pas encore.",
    why: "Un garant juge d’après le registre qu’il a vérifié lui-même.",
    todo: "Vérifiez que le garant atteint le registre ; ce bloc ou cette période est perdu.",
  },
  REQUEST_OLD_EPOCH: {
    what: "La demande repose sur une époque trop ancienne du registre.",
    why: "Qui choisit une vieille époque choisit qui est membre.",
    todo: "Cherchez pourquoi le journal était lent ; ce bloc ou cette période est perdu.",
  },
  REQUEST_BAD_SIGNATURE: {
    what: "La demande n’est pas signée par l’agrégateur inscrit.",
    why: "Personne d’autre ne peut demander.",
    todo: BUG,
  },
  REQUEST_WRONG_KEY: {
    what: "Les contributions sont chiffrées sous une autre clé.",
    why: "Une somme sous une clé étrangère serait lue par son propriétaire.",
    todo: EPOCHS,
  },
  REQUEST_WRONG_COHORT: {
    what: "Le registre n’a pas ce quartier ou cette version à ce moment.",
    why: "Les membres sont ceux du registre, pas ceux de la demande.",
    todo: EPOCHS,
  },
  REQUEST_WRONG_STREAM: {
    what: "Des contributions d’une sorte ont été demandées comme d’une autre.",
    why: "La charge d’un client sommée sur un jour serait son profil.",
    todo: BUG,
  },
  REQUEST_WRONG_BLOCK: {
    what: "Une contribution n’est pas du bloc ou de la période demandés.",
    why: "Des temps mêlés font des sommes qu’aucune règle n’a jugées.",
    todo: BUG,
  },
  REQUEST_WRONG_PACKING: {
    what: "Les valeurs sont rangées autrement que ne le dit le registre.",
    why: "Des valeurs qui se chevauchent se répandraient l’une dans l’autre.",
    todo: EPOCHS,
  },
  REQUEST_MIXED_PROFILES: {
    what: "Des membres avec et sans ouvreur sont dans une même somme.",
    why: "Ce qu’on peut promettre diffère entre eux.",
    todo: EPOCHS,
  },
  REQUEST_FOREIGN_CONTRIBUTION: {
    what: "Une contribution n’est d’aucun membre, ou n’est pas signée par qui le registre l’attend.",
    why: "Des membres inventés autour d’un ménage le montreraient.",
    todo: BUG,
  },
  REQUEST_DUPLICATE_MEMBER: {
    what: "Un membre contribue deux fois à une somme.",
    why: "Une somme où un ménage compte double diffère de la suivante par ce ménage.",
    todo: BUG,
  },
  REQUEST_WRONG_MEMBERS: {
    what: "Les membres nommés ne sont pas ceux qui ont contribué.",
    why: "Les règles jugent les membres nommés.",
    todo: BUG,
  },
  REQUEST_BORDERS_DIFFER: {
    what: "Les registres d’une facture ne sont pas ceux de ses bornes.",
    why: "Des registres d’autres instants factureraient d’autres jours.",
    todo: BUG,
  },
  REQUEST_WRONG_PRODUCT: {
    what: "La somme n’est pas celle de ses contributions.",
    why: "Tout autre nombre pourrait être le relevé de quelqu’un.",
    todo: BUG,
  },
  REQUEST_NOT_LOGGED: {
    what: "La demande n’est pas dans le journal public.",
    why: "Hors du journal, on pourrait demander deux fois sans que personne le voie.",
    todo: BUG,
  },
  REQUEST_TOO_LARGE: {
    what: "La demande ne tient pas dans un message.",
    why: "Chaque message a une limite.",
    todo: "Réduisez le quartier, ou allongez l’intervalle de ses compteurs.",
  },
  REQUEST_FORGOTTEN: {
    what: "Les contributions à cette communication sont effacées.",
    why: "La contribution d’un ménage à une charge est gardée 40 jours après la somme.",
    todo: "Rien : la communication et sa place dans le journal restent.",
  },
  REGISTRY_NOT_ACCEPTED: {
    what: "Les règles ou la clé du registre ne sont pas celles pour lesquelles ce garant a été installé.",
    why: "Le registre seul ne peut assouplir les règles : une personne chez le garant doit l’accepter.",
    todo: "Que l’exploitant du garant compare les règles, et les accepte ou non.",
  },
  RELEASE_CORRUPT: {
    what: "Ce qui a été déchiffré n’est pas la somme d’autant de contributions.",
    why: "Des valeurs hors limites montrent qu’une contribution est fausse.",
    todo: "Une charge : voyez l’ouvreur. Une facture : un registre a reculé, voyez ce compteur.",
  },
  ANSWER_MALFORMED: {
    what: "Une réponse n’a pas pu être lue.",
    why: "Ce qui est mal formé n’est pas cru.",
    todo: ANSWERS,
  },
  ANSWER_BAD_SIGNATURE: {
    what: "Une réponse n’est pas signée par un garant inscrit.",
    why: "Sinon n’importe qui pourrait répondre.",
    todo: ANSWERS,
  },
  ANSWER_UNKNOWN: {
    what: "Une réponse n’appartient à aucune demande de cet agrégateur.",
    why: "Répondre à ce qui n’a pas été demandé montre qu’un journal n’est pas le plus récent.",
    todo: "L’agrégateur a-t-il été restauré d’une copie ? Sinon voyez le garant.",
  },
  ANSWER_KEY_HOLDING: {
    what: "Des réponses entières et des parts de clé ont été mêlées.",
    why: "Où les garants se partagent la clé, aucun ne peut répondre seul.",
    todo: "Amenez chacun à la dernière époque du registre.",
  },
  COSIGNATURE_FOREIGN: {
    what: "Une cosignature du journal n’est d’aucun garant inscrit.",
    why: "Seuls les garants répondent du journal.",
    todo: EPOCHS,
  },
};
