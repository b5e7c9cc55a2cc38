/** French: what the aggregator, the MDMS and the registry refuse. */
const OPENER = "Vérifiez que l’ouvreur et l’agrégateur sont à la dernière époque du registre.";
const ON_THE_WAY = "Voyez le chemin de l’ouvreur à l’agrégateur : un défaut ou une attaque.";
const WAIT = "Rien : la demande part d’elle-même le moment venu.";
const FALLBACK = "Rien : la facture utilise le prix que le tarif prévoit pour cela.";
const FOREIGN =
  "Cherchez qui l’a envoyée : elle n’est d’aucun garant inscrit, ou est pour un autre MDMS.";
const EPOCH = "Vérifiez que le MDMS est à la dernière époque du registre.";
const ROLLED_BACK =
  "Arrêtez le garant et cherchez : son journal a été ramené en arrière, ou il y en a deux.";
const BROKEN = "Voyez la machine du garant nommé ; les autres continuent.";
const MESSAGE = "Le message dit ce qui ne va pas.";
const ONE_KEY = "Une clé nomme une demande, pour qu’une répétition ne change rien.";
const RELOAD = "Rechargez la page.";

export const serviceRefusalsFr = {
  NO_CONTRIBUTIONS: {
    what: "Aucun compteur n’a contribué à ce jour dans le délai.",
    why: "Il n’y a rien à sommer.",
    todo: "Voyez le concentrateur et l’ouvreur de ce jour.",
  },
  WITHHELD_FOR_BILLS: {
    what: "Ce jour de charge est omis, parce que quelques membres manquaient dans une partie.",
    why: "Toutes les factures moins toutes les charges les montreraient ; un jour que personne ne connaît les cache.",
    todo: "Rien : environ un jour par mois est omis là où des compteurs ont des lacunes.",
  },
  CONTRACT_ENDED: {
    what: "Le contrat a fini avant qu’un registre vienne clore la période.",
    why: "On ne facture pas jusqu’à un instant qu’aucun registre ne connaît.",
    todo: "Facturez les derniers jours à la main, d’après un relevé au compteur.",
  },
  NO_INSTALLATION_BORDER: {
    what: "Le premier registre du compteur n’est jamais venu.",
    why: "Un registre brut n’est jamais déchiffré : une facture est la différence de deux.",
    todo: "Facturez la première période à la main ; les suivantes le sont comme d’habitude.",
  },
  METER_OR_KEY_CHANGED: {
    what: "Le compteur ou la clé a changé dans la période, et ses registres ne se joignent pas.",
    why: "La différence de registres de deux compteurs n’est pas une énergie.",
    todo: "Vérifiez l’échange au registre ; facturez cette période à la main.",
  },
  COST_MISSING: {
    what: "Le coût de certaines heures n’est pas venu à temps.",
    why: "Le coût de quelques heures seules serait un coût de peu d’heures.",
    todo: FALLBACK,
  },
  COST_TOO_LARGE: {
    what: "La période a plus d’heures que n’en tient une demande.",
    why: "Chaque message a une limite.",
    todo: FALLBACK,
  },
  TARIFF_NOT_IN_FORCE: {
    what: "Aucune version du tarif n’est en vigueur dans cette période.",
    why: "Sans prix, pas de facture.",
    todo: "Publiez une version qui commence avant la période.",
  },
  TARIFF_PRICES_MISSING: {
    what: "Les prix de certaines heures de la période ne sont pas publiés.",
    why: "Un coût compte aux prix de toutes ses heures.",
    todo: "Publiez les prix ; d’ici là la facture utilise le prix que le tarif prévoit pour cela.",
  },
  TARIFF_BOUNDARY_INSIDE_INTERVAL: {
    what: "Une plage change au milieu d’un intervalle de la charge du quartier.",
    why: "Charges et factures ne s’auditent pas ensemble si leurs temps ne s’accordent pas.",
    todo: "Faites changer les plages du tarif aux intervalles du quartier.",
  },
  ZONE_UNKNOWN: {
    what: "La machine d’une partie ne connaît pas le fuseau horaire de ce lieu.",
    why: "Jours et plages sont locaux : sans fuseau rien ne peut être jugé.",
    todo: "Mettez à jour les fuseaux horaires de cette machine.",
  },
  BLOCK_NOT_ENDED: {
    what: "Le jour n’est pas fini.",
    why: "Une somme est de jours entiers.",
    todo: WAIT,
  },
  INCOMPLETE_BEFORE_CUTOFF: {
    what: "Tous n’ont pas contribué, et il n’est pas encore trop tard.",
    why: "Qui demande tôt choisit qui est dans la somme.",
    todo: WAIT,
  },
  WINDOW_NOT_ENDED: {
    what: "La période de facturation n’est pas finie.",
    why: "Une facture est de périodes entières.",
    todo: WAIT,
  },
  BORDER_BEFORE_CUTOFF: {
    what: "Le dernier registre de la période peut encore venir.",
    why: "Une borne est le premier registre après la période : on l’attend.",
    todo: WAIT,
  },
  RETRY_LATER: {
    what: "Le registre présent ne connaît pas cette version, ou a maintenant un autre délai.",
    why: "Les membres sont ceux du registre.",
    todo: WAIT,
  },
  CONTRIBUTION_MALFORMED: {
    what: "Une contribution n’a pas pu être lue.",
    why: "Ce qui est mal formé n’est pas compté.",
    todo: ON_THE_WAY,
  },
  CONTRIBUTION_BAD_SIGNATURE: {
    what: "Une contribution n’est pas signée par son ouvreur ou son compteur.",
    why: "Sinon n’importe qui pourrait ajouter à une somme.",
    todo: ON_THE_WAY,
  },
  CONTRIBUTION_CIPHERTEXT: {
    what: "Une contribution n’est pas chiffrée sous la clé des garants.",
    why: "Elle gâterait la somme où elle entre.",
    todo: ON_THE_WAY,
  },
  CONTRIBUTION_FOREIGN: {
    what: "Une contribution est d’un point de mesure, d’un compteur ou d’un membre inconnu du registre.",
    why: "Des membres inventés autour d’un ménage le montreraient.",
    todo: "Vérifiez que l’agrégateur est à la dernière époque du registre.",
  },
  CONTRIBUTION_FUTURE: {
    what: "Une contribution est d’un temps qui n’est pas venu.",
    why: "Les compteurs mesurent le passé : une horloge est fausse.",
    todo: "Vérifiez les horloges du compteur et de l’agrégateur.",
  },
  CONTRIBUTION_PROFILE: {
    what: "Une contribution vient d’un ouvreur là où le compteur chiffre, ou l’inverse.",
    why: "Ce qui est promis au ménage dépend de qui chiffre.",
    todo: OPENER,
  },
  CONTRIBUTION_KEY: {
    what: "Une contribution est chiffrée sous une autre clé.",
    why: "Une somme a une seule clé.",
    todo: OPENER,
  },
  CONTRIBUTION_PACKING: {
    what: "Les valeurs d’une contribution sont rangées autrement que ne le dit le registre.",
    why: "Des valeurs qui se chevauchent se répandraient l’une dans l’autre.",
    todo: OPENER,
  },
  CONTRIBUTION_OFF_GRID: {
    what: "Une contribution n’est pas sur la grille du quartier.",
    why: "Les sommes sont des mêmes intervalles de tous.",
    todo: OPENER,
  },
  MDMS_MALFORMED: {
    what: "Une publication n’a pas pu être lue.",
    why: "Ce qui est mal formé n’est pas gardé.",
    todo: FOREIGN,
  },
  MDMS_BAD_SIGNATURE: {
    what: "Une publication n’est pas signée par un garant inscrit.",
    why: "Sinon n’importe qui pourrait faire une facture.",
    todo: FOREIGN,
  },
  MDMS_UNOPENABLE: {
    what: "Une publication n’est pas scellée pour ce MDMS.",
    why: "Seule la clé que donne le registre ouvre ce qui est publié.",
    todo: FOREIGN,
  },
  MDMS_TOKEN: {
    what: "Un relevé ne dit pas de quel point de mesure il est.",
    why: "Le nom est scellé pour le MDMS par le registre, pour que nul autre ne le lise.",
    todo: FOREIGN,
  },
  MDMS_POLICY: {
    what: "Une publication a été faite sous d’autres règles que celles du registre.",
    why: "Ce que les règles ne permettent pas n’est pas pris, même d’un garant.",
    todo: EPOCH,
  },
  MDMS_FOREIGN: {
    what: "Une publication est d’un quartier ou d’un point de mesure inconnu du registre.",
    why: "Personne n’est facturé sans contrat.",
    todo: EPOCH,
  },
  MDMS_OFF_GRID: {
    what: "Une publication n’est pas sur la grille des jours ou des périodes.",
    why: "Des périodes qui se chevauchent facturent une part deux fois.",
    todo: EPOCH,
  },
  MDMS_REGISTERS: {
    what: "Les registres d’une facture suivent un autre calendrier que son tarif.",
    why: "On facturerait l’énergie d’autres heures.",
    todo: EPOCH,
  },
  MDMS_TARIFF: {
    what: "Le tarif ne donne pas de prix à cette période.",
    why: "Une facture se fait d’un tarif signé, ou pas du tout.",
    todo: "Publiez une version en vigueur dans la période.",
  },
  MDMS_CONFLICT: {
    what: "Une publication contredit celle qui est gardée.",
    why: "La première l’emporte toujours ; une seconde montre qu’un journal a oublié la première.",
    todo: ROLLED_BACK,
  },
  MDMS_SEQUENCE_REUSED: {
    what: "Un garant a utilisé deux fois un numéro.",
    why: "Les numéros ne font que monter : une répétition montre un journal ramené en arrière.",
    todo: ROLLED_BACK,
  },
  MDMS_KEY_HOLDING: {
    what: "Une publication entière est venue là où les garants se partagent la clé, ou une part là où un seul la tient.",
    why: "Où les garants se partagent la clé, aucun ne peut répondre seul.",
    todo: "Amenez chacun à la dernière époque du registre.",
  },
  MDMS_SHARE_INVALID: {
    what: "La part d’un garant ne se prouve pas.",
    why: "Une part fausse gâterait le résultat.",
    todo: BROKEN,
  },
  MDMS_SHARE_DISAGREES: {
    what: "La part d’un garant mène à un autre résultat que celles des autres.",
    why: "La majorité décide ; qui diffère est en panne ou corrompu.",
    todo: BROKEN,
  },
  MDMS_SHARE_FOREIGN_KEY: {
    what: "La part d’un garant est d’une autre cérémonie de clé.",
    why: "Des parts de deux clés ne se combinent pas.",
    todo: "Donnez à ce garant le fichier de part de la cérémonie actuelle.",
  },
  MDMS_SHARE_CHANGED: {
    what: "Un garant a répondu deux fois à la même demande, et différemment.",
    why: "La même demande reçoit toujours la même réponse.",
    todo: ROLLED_BACK,
  },
  FEEDER_IMBALANCE: {
    what: "Le compteur du départ et la charge du quartier diffèrent depuis trois jours.",
    why: "Ce qu’un quartier tire, ses compteurs devraient le dire.",
    todo: "Cherchez un compteur manquant, un consommateur inconnu, ou un faux fichier de départ.",
  },
  MDMS_FEEDER_OFF_GRID: {
    what: "Les mesures du départ ne sont pas celles de jours entiers et passés sur la grille du quartier.",
    why: "On ne compare que les mêmes intervalles.",
    todo: "Vérifiez l’intervalle, le fuseau et les jours du fichier.",
  },
  MDMS_LOGIN_REFUSED: {
    what: "L’identifiant, le mot de passe ou le code est faux, ou le compte est bloqué.",
    why: "Une réponse pour les quatre cas n’apprend rien à qui devine. Cinq fautes bloquent quinze minutes.",
    todo: "Réessayez avec soin, ou attendez quinze minutes.",
  },
  MDMS_LOGIN_BUSY: {
    what: "Trop de personnes se connectent en ce moment.",
    why: "Vérifier un mot de passe prend du temps, exprès.",
    todo: "Réessayez dans un instant.",
  },
  MDMS_PROOF_REFUSED: {
    what: "Le mot de passe ou le code qui confirme ce changement est faux.",
    why: "Qui trouve une page ouverte ne doit pas pouvoir prendre le compte.",
    todo: "Tapez-le encore ; cinq fautes bloquent le compte quinze minutes.",
  },
  MDMS_TOTP_REQUIRED: {
    what: "Ce rôle exige un second facteur, et le compte n’en a pas encore.",
    why: "Un mot de passe seul peut être volé.",
    todo: "Activez-le à la page du compte.",
  },
  MDMS_TOTP_STATE: {
    what: "Un second facteur est déjà actif, ou il n’y en a pas.",
    why: "On l’établit, le confirme et le retire dans cet ordre.",
    todo: "Rechargez la page du compte.",
  },
  MDMS_CSRF: {
    what: "Le formulaire n’est pas de cette session.",
    why: "Un autre site ne doit pas pouvoir l’envoyer pour vous.",
    todo: RELOAD,
  },
  MDMS_IDEMPOTENCY_KEY: {
    what: "La clé de cette demande n’en est pas une.",
    why: ONE_KEY,
    todo: "Envoyez de 8 à 128 caractères imprimables.",
  },
  MDMS_IDEMPOTENCY_MISMATCH: {
    what: "La clé a servi à une autre demande.",
    why: ONE_KEY,
    todo: "Rechargez la page et refaites ce que vous faisiez.",
  },
  MDMS_IDEMPOTENCY_BUSY: {
    what: "La même demande est en cours.",
    why: "Elle n’a lieu qu’une fois.",
    todo: "Attendez un instant et voyez si elle a eu lieu.",
  },
  MDMS_STREAMS_FULL: {
    what: "Trop de pages suivent les nouvelles.",
    why: "Chaque connexion prend de la place au serveur.",
    todo: "Fermez quelques onglets ; tout le reste continue.",
  },
  MDMS_OPERATOR_EXISTS: {
    what: "Cet identifiant est déjà pris.",
    why: "Le journal d’audit nomme les gens par leur identifiant.",
    todo: "Prenez un autre identifiant.",
  },
  MDMS_OPERATOR_INVALID: {
    what: "Un compte ne peut avoir cet identifiant, ce mot de passe ou ce rôle.",
    why: "Les mots de passe courts se devinent.",
    todo: MESSAGE,
  },
  MDMS_CORRECTION_INVALID: {
    what: "Ce n’est pas une correction signée par un signataire de tarif inscrit.",
    why: "Les prix du passé ne changent que sous le nom du signataire.",
    todo: MESSAGE,
  },
  MDMS_CORRECTION_CONFLICT: {
    what: "Une correction plus récente est appliquée, ou une autre de ce numéro.",
    why: "Les avoirs se suivent.",
    todo: "Signez la correction sous le numéro suivant.",
  },
  MDMS_PEER_ABSENT: {
    what: "Ce système n’est pas configuré pour interroger la partie qui sait.",
    why: "Il ne tient que ce qu’il lui faut ; le reste se demande aux autres.",
    todo: "Donnez au MDMS l’adresse et le jeton de l’autre partie.",
  },
  MDMS_PEER_UNREACHABLE: {
    what: "La partie qui sait ne répond pas.",
    why: "C’est la machine d’une autre partie.",
    todo: "Réessayez ; si cela dure, appelez son exploitant.",
  },
  MDMS_NO_REPORT: {
    what: "Personne n’a encore établi ce rapport.",
    why: "Le MDMS ne peut le calculer : il y faut des noms qu’il ne doit pas connaître.",
    todo: "Que la protection des données lance la commande que nomme le message.",
  },
  REGISTRY_INVALID_CHANGE: {
    what: "Le registre ne peut pas faire cela.",
    why: "Un changement ne doit ni contredire ce qui est inscrit, ni faire une facture de quelques jours.",
    todo: "Le message dit ce qui ne va pas, et dès quand ce serait possible.",
  },
  REGISTRY_TAKEN: {
    what: "Ce nom, ce compteur ou ce numéro est à un autre.",
    why: "Deux clients à un compteur verraient les relevés l’un de l’autre.",
    todo: "Vérifiez le numéro ; le greffe du registre peut dire à qui il est.",
  },
  REGISTRY_UNKNOWN: {
    what: "Le registre ne connaît pas ce point de mesure, ce tarif ou cette proposition.",
    why: "On ne change que ce qui est inscrit.",
    todo: "Rechargez la page : elle montre peut-être une époque plus ancienne.",
  },
  REGISTRY_COHORT_TOO_FINE: {
    what: "Un jour de ce quartier a plus d’intervalles que n’en tient un chiffré.",
    why: "Un jour se somme d’une pièce.",
    todo: "Prenez un intervalle plus long, ou une clé plus longue à la prochaine cérémonie.",
  },
  REGISTRY_PROFILE_DOWNGRADE: {
    what: "Un quartier dont les compteurs chiffrent ne peut revenir à un ouvreur.",
    why: "On ne reprend pas ce qui a été promis aux ménages.",
    todo: "Rien.",
  },
  REGISTRY_REWRITES_PAST: {
    what: "Le changement récrirait ce qu’ont dit des époques passées.",
    why: "Tous les ont vérifiées.",
    todo: "Faites commencer le changement dans l’avenir.",
  },
  REGISTRY_POLICY_NOTICE: {
    what: "Des règles plus lâches n’ont pas été annoncées pendant trente jours.",
    why: "Clients et garants l’apprennent d’abord.",
    todo: "Annoncez-les, ou attendez la fin du préavis.",
  },
  REGISTRY_TARIFF_INVALID: {
    what: "Le registre ne prend pas ce tarif.",
    why: "Les factures s’en font : il doit être signé, en ordre, et juste envers les périodes en cours.",
    todo: "Le message dit ce qui ne va pas ; prévisualisez le tarif avant de le signer.",
  },
  REGISTRY_PRICES_INVALID: {
    what: "Le registre ne prend pas ces prix.",
    why: "Les coûts s’en comptent : ils doivent être signés, se suivre, et être d’un tarif.",
    todo: MESSAGE,
  },
  REGISTRY_NO_SUCH_EPOCH: {
    what: "Cette époque n’existe pas.",
    why: "Les époques se comptent sans lacune.",
    todo: RELOAD,
  },
  REGISTRY_PROPOSAL_DECIDED: {
    what: "Cette proposition n’est plus ouverte.",
    why: "On ne la décide qu’une fois.",
    todo: "Voyez dans la liste ce qu’elle est devenue ; déposez-en une autre si elle reste voulue.",
  },
  REGISTRY_PROPOSALS_FULL: {
    what: "Autant de propositions que le registre en prend sont ouvertes, ou ont été déposées en un jour.",
    why: "Chacune montre l’effet d’un déménagement sur un quartier : personne ne doit les essayer toutes.",
    todo: "Attendez que le greffe en ait décidé, ou jusqu’à demain.",
  },
};
