/** Les mots français de chaque code qui peut atteindre un client. */
import type { CustomerErrorCode, LinkName } from "@smarter-metering/customer";
import type { FindingCode } from "../device/messages.ts";
import type { enCodes } from "./en-codes.ts";

const device: Readonly<Record<CustomerErrorCode, string>> = {
  CUSTOMER_WEAK_ITERATIONS:
    "Le portail demande une protection de votre mot de passe plus faible que ce qui est sûr ; rien n’a été envoyé. Ne vous connectez pas et prévenez votre fournisseur.",
  CUSTOMER_UNLOCK_FAILED:
    "L’identifiant et le mot de passe (ou la clé de secours) ne correspondent pas.",
  CUSTOMER_RECOVERY_KEY_INVALID:
    "Cette clé de secours est incomplète. Elle commence par RK- et compte 27 autres caractères ; cherchez une faute de frappe.",
  CUSTOMER_INVITATION_INVALID:
    "Cette invitation est incomplète. Elle commence par IV- et compte 27 autres caractères ; cherchez une faute de frappe.",
  CUSTOMER_INVITATION_REFUSED:
    "Cette invitation est fausse, déjà utilisée, retirée ou trop ancienne. Demandez-en une autre.",
  CUSTOMER_METER_UNPROVEN:
    "Votre compteur n’est pas encore confirmé sur ce compte. Saisissez d’abord le code de votre courrier.",
  CUSTOMER_ENROLMENT_FAILED:
    "Le compteur a refusé, ou n’a pas prouvé qu’il connaît le code. Vérifiez le numéro et le code ; s’ils sont justes, prévenez votre fournisseur.",
  CUSTOMER_ENROLMENT_PENDING:
    "Le compteur n’a pas encore répondu. Cela peut prendre un moment ; réessayez dans quelques minutes.",
  CUSTOMER_PORTAL_REFUSED:
    "Le portail a refusé cette demande. Réessayez, ou connectez-vous à nouveau.",
  CUSTOMER_PORTAL_MALFORMED:
    "Le portail a donné une réponse incohérente, qui n’a pas été utilisée. Réessayez plus tard ; si cela persiste, prévenez votre fournisseur.",
  CUSTOMER_PORTAL_UNREACHABLE: "Le portail est injoignable. Vérifiez votre connexion et réessayez.",
  CUSTOMER_EXPORT_EMPTY: "Rien n’a été mesuré pendant cette période : il n’y a rien à emporter.",
  CUSTOMER_EXPORT_UNSUPPORTED:
    "Ce format ne sait pas dire votre fuseau horaire ou votre monnaie. Prenez plutôt le tableau.",
  CUSTOMER_SHARE_KEY_PRIVATE:
    "C’est une clé privée. Ne la transmettez pas : demandez la clé publique au destinataire, et dites-lui ce qu’il vous a envoyé.",
  CUSTOMER_SHARE_KEY_SHORT:
    "Cette clé est trop courte pour être sûre. Demandez-en une plus longue au destinataire.",
  CUSTOMER_SHARE_KEY_UNUSABLE:
    "Ce n’est pas une clé publique utilisable. Demandez une clé RSA de 3072 bits, ou une clé P-256 ou X25519.",
  CUSTOMER_SHARE_TOO_LARGE:
    "Il y a trop de relevés, ou le but est trop long. Choisissez moins de jours.",
  CUSTOMER_SHARE_UNOPENABLE: "Ce fichier est destiné à une autre clé, ou a été modifié.",
  CUSTOMER_SHARE_MALFORMED: "Ce fichier n’a pas été créé par ce logiciel.",
};

const others = {
  ENROLMENT_CODE_INVALID:
    "Ce code est incomplet. Le code du courrier compte 27 caractères ; cherchez une faute de frappe.",
  NETWORK_NUMBER_INVALID: "Le numéro du courrier compte 32 caractères, de 0 à 9 et de a à f.",
  DRILL_DIFFERS:
    "C’est bien une clé de secours, mais pas celle qui a été affichée. Relisez votre note.",
  PASSWORDS_DIFFER: "Les deux mots de passe sont différents.",
  WORD_DIFFERS: "Ce n’est pas le mot demandé.",
  LOAD_STOPPED: "Vous avez arrêté. Ce qui a déjà été ouvert reste en mémoire.",
  RANGE_ORDER: "Le premier jour doit précéder le dernier.",
  BILL_UNKNOWN: "Il n’y a pas de facture pour cette période.",
  RANGE_EMPTY: "Il n’y a pas de relevés dans cette période.",
  TARIFF_UNKNOWN: "Votre tarif n’est pas encore connu : il arrive avec votre première facture.",
  DEVICE_CLOSED: "Vous n’êtes plus connecté. Connectez-vous à nouveau.",
  DEVICE_LOCKED: "Vos relevés sont verrouillés. Déverrouillez-les avec votre mot de passe.",
  DEVICE_FAULT: "Un problème est survenu sur cet appareil. Rechargez la page.",
  DEVICE_PART_REFUSED:
    "Une partie de cette page n’a pas pu être chargée, ou n’est pas celle qui a été publiée. Rechargez la page ; si le problème persiste, prévenez votre fournisseur.",
  REQUEST_INVALID:
    "Une saisie n’a pas la bonne forme. Un identifiant s’écrit en lettres minuscules.",
  REQUEST_REFUSED: "Le portail a refusé cette demande. Réessayez plus tard.",
  UCS_LOGIN_REFUSED:
    "L’identifiant et le mot de passe (ou la clé de secours) ne correspondent pas.",
  UCS_LOGIN_LOCKED: "Trop de tentatives avec cet identifiant. Attendez 15 minutes et réessayez.",
  UCS_LOGIN_TAKEN: "Cet identifiant est déjà pris. Choisissez-en un autre.",
  UCS_ACCOUNTS_FULL:
    "Le portail n’accepte plus de nouveaux comptes pour le moment. Adressez-vous à son exploitant.",
  UCS_BUSY: "Beaucoup de personnes se connectent en ce moment. Réessayez dans quelques secondes.",
  UCS_KEY_WEAK: "Le portail n’a pas accepté la nouvelle clé. Rechargez la page et réessayez.",
  UCS_SESSION_REQUIRED: "Votre session est terminée. Connectez-vous à nouveau.",
  UCS_CSRF: "Le portail n’a pas reconnu cette page. Connectez-vous à nouveau.",
  UCS_VAULT_CONFLICT: "Votre compte a été modifié sur un autre appareil. Connectez-vous à nouveau.",
  UCS_OFFER_UNKNOWN:
    "Aucun compteur n’attend sous ce numéro. Vérifiez-le, ou réessayez dans quelques minutes.",
  UCS_OFFER_STALE: "La proposition du compteur a déjà servi. Attendez une minute et réessayez.",
  UCS_ENROLMENT_INVALID: "Le portail n’a pas accepté l’inscription du compteur. Réessayez.",
  UCS_ENROLMENT_PENDING:
    "Une inscription précédente attend encore le compteur. Réessayez plus tard.",
  UCS_ENROLMENT_LIMIT:
    "Trop d’inscriptions de compteur pour ce compte aujourd’hui. Réessayez demain.",
  UCS_NOT_ENROLLED: "Ce compte n’a pas de compteur avec un contrat en cours.",
  UCS_INVITATION_REFUSED:
    "Cette invitation est fausse, déjà utilisée, retirée ou trop ancienne. Demandez-en une autre.",
  UCS_INVITATION_LOCKED: "Trop d’invitations fausses. Attendez 15 minutes et réessayez.",
  UCS_HOUSEHOLD_FULL: "Un foyer compte quatre personnes au plus, invitations en attente comprises.",
  UCS_HOUSEHOLD_FIRST: "Seule la première personne du foyer peut faire cela.",
  UCS_HOUSEHOLD_ELSEWHERE:
    "Ce compte lit déjà un autre compteur. Créez un autre compte pour ce foyer.",
  UCS_PERSON_UNKNOWN: "Personne de ce nom n’a été invité dans le foyer.",
  UCS_LIVE_FULL: "Trop de pages affichent les relevés en direct. Fermez-en une et réessayez.",
  UCS_EVIDENCE_UNAVAILABLE:
    "Les preuves ne peuvent pas être récupérées pour le moment. Réessayez plus tard.",
} as const;

const findings: Readonly<Record<FindingCode, string>> = {
  FRAMES_MALFORMED: "Le portail a livré quelque chose qui n’est pas un relevé de compteur.",
  FRAMES_FOREIGN: "Le portail a livré les relevés d’un compteur qui n’est pas le vôtre.",
  FRAMES_UNSIGNED: "Des relevés ont été modifiés en chemin : votre compteur ne les a pas signés.",
  FRAMES_CONTRADICT: "Votre compteur a signé des relevés qui se contredisent.",
  FRAMES_UNLINKED: "Des relevés ne font pas suite à ceux qui les précèdent.",
  FRAMES_UNOPENABLE: "Certains relevés ne s’ouvrent pas : leur clé n’est pas arrivée du compteur.",
  ENVELOPES_INVALID: "Le portail a livré une clé que votre compteur n’a pas faite pour vous.",
  REGISTRY_INVALID: "Le registre des acteurs n’est pas signé comme il doit l’être.",
  REGISTRY_ROLLBACK: "Le registre des acteurs revient sur ce qu’il vous avait montré.",
  REGISTRY_VIEW: "Le portail montre un autre registre des acteurs que celui qui est signé.",
  REGISTRY_OTHER_ROOT:
    "Le portail montre un autre registre des acteurs que celui joint à vos factures.",
  METER_UNREGISTERED: "Le registre ne connaît pas votre compteur à votre adresse à cette date.",
  TARIFF_UNSIGNED: "Aucune personne habilitée n’a signé ce tarif.",
  TARIFF_OTHER: "La facture a été établie avec un autre tarif, ou une autre version.",
  STATEMENT_UNSIGNED: "La facture n’est pas signée par le système de facturation du fournisseur.",
  STATEMENT_FOREIGN: "La facture a été établie pour un autre foyer.",
  STATEMENT_WINDOW: "La facture porte sur une autre période que celle demandée.",
  STATEMENT_UNOPENABLE: "Une facture a été modifiée en chemin, ou n’a pas été scellée pour vous.",
  STATEMENT_MISSING: "Le portail ne montre pas une facture qui existe.",
  STATEMENT_ROLLBACK: "Le portail montre une version plus ancienne d’une facture.",
  PRICES_INVALID: "Les prix horaires ne sont pas signés, ou ne sont pas ceux de votre tarif.",
  PRICES_MISSING: "Il manque des prix pour une partie de la période.",
  ENVELOPE_INVALID:
    "Une clé ne vient pas de votre compteur, n’est pas pour vous ou ne s’ouvre pas.",
  ENVELOPE_MISSING: "La clé de certains relevés manque.",
  FRAME_MALFORMED: "Quelque chose a été livré qui n’est pas un relevé.",
  FRAME_FOREIGN: "Des relevés viennent d’un compteur qui n’est pas le vôtre.",
  FRAME_UNSIGNED: "Votre compteur n’a pas signé certains relevés.",
  FRAME_UNOPENABLE: "Votre compteur a signé des relevés que sa propre clé n’ouvre pas.",
  CHAIN_FORKED: "Votre compteur a signé des relevés qui se contredisent.",
  CHAIN_UNLINKED: "Certains relevés ne font pas suite à ceux qui les précèdent.",
  WINDOW_GAP: "Il manque des relevés à l’intérieur de la période.",
  WINDOW_BORDER: "Le relevé du début de la période manque.",
  REGISTERS_BANK: "Votre compteur compte selon d’autres plages horaires que la facture.",
  REGISTERS_DISAGREE: "Les index de votre compteur ne sont pas la somme de ses relevés.",
  REGISTERS_DIFFER: "La facture indique une autre consommation que votre compteur.",
  COST_DISAGREES: "Le coût compté par votre compteur n’est pas ce que coûtent ses relevés.",
  COST_DIFFERS: "La facture indique un autre coût que votre compteur.",
  PRICE_DIFFERS: "Le montant ne découle pas de la consommation et du tarif.",
  NOTE_INVALID: "Un avoir n’est pas signé, ou n’est pas le suivant de cette facture.",
  NOTE_UNFOUNDED: "Aucune personne habilitée n’a signé les prix d’un avoir.",
  NOTE_DIFFERS: "Le montant d’un avoir ne découle pas des prix corrigés.",
  CONTRIBUTION_MALFORMED:
    "Quelque chose a été présenté comme votre part d’une somme et n’en est pas une.",
  CONTRIBUTION_UNSIGNED:
    "Votre part d’une somme n’a pas été signée par celui qui a dû la chiffrer.",
  CONTRIBUTION_FOREIGN: "Une part d’une somme a été présentée qui ne vient pas de votre foyer.",
  CONTRIBUTION_DIFFERS: "Votre part d’une somme n’est pas ce que donnent vos relevés.",
  CONTRIBUTION_MISSING: "Certains de vos relevés ne sont entrés dans aucune somme.",
  RELEASE_MALFORMED: "Quelque chose a été présenté comme une divulgation et n’en est pas une.",
  RELEASE_UNSIGNED: "Aucun tiers de confiance n’a signé la divulgation.",
  RELEASE_OTHER:
    "Les tiers de confiance ont répondu à une autre question que celle de votre facture.",
  RELEASE_MISSING:
    "Trop peu de tiers de confiance ont répondu pour qu’une somme puisse être ouverte.",
  RELEASE_WINDOW: "Ce qui a été divulgué concerne un autre foyer ou une autre période.",
  RELEASE_DIFFERS: "Ce qui a été divulgué ne vient pas des index de votre compteur.",
  RELEASE_COST: "Un coût a été facturé sans être divulgué, ou l’inverse.",
  REQUEST_UNSIGNED: "Une demande de somme a été présentée que personne n’a signée.",
  REQUEST_FOREIGN:
    "Une somme a été présentée comme contenant votre part, et votre part n’y est pas.",
  LOG_ENTRY_INVALID: "Le journal public contient une autre entrée que celle de votre facture.",
  LOG_HEAD_INVALID: "Le journal public n’est pas signé comme il doit l’être.",
  LOG_RECEIPT_INVALID: "La preuve d’inscription au journal public n’est pas valable.",
  LOG_RECEIPT_MISSING: "Il n’y a pas de preuve d’inscription au journal public.",
  PACKET_MALFORMED: "Ce n’est pas une preuve de relevés.",
  SLOT_UNCOMMITTED: "Le compteur ne s’est pas engagé sur cette valeur à cet instant.",
};

const links: Readonly<Record<LinkName, string>> = {
  registry: "Le registre des acteurs est signé, complet et le plus récent que vous ayez vu.",
  tariff: "Votre tarif est signé par le service tarifaire de votre fournisseur.",
  statement: "La facture est signée par le système de facturation et établie pour vous.",
  prices: "Les prix horaires sont signés et sont ceux de votre tarif.",
  envelope: "Les clés de vos relevés viennent de votre propre compteur.",
  frame: "Chaque relevé est signé par votre propre compteur et s’ouvre avec votre clé.",
  chain: "Les relevés se suivent sans se contredire.",
  window: "Vos relevés couvrent toute la période.",
  registers: "La consommation facturée est la somme de vos propres relevés.",
  price: "Le montant découle de la consommation et du tarif.",
  note: "Les avoirs sont signés et correctement calculés.",
  contribution: "Ce qui est entré dans les sommes est ce que donnent vos relevés.",
  release: "Les tiers de confiance ont divulgué exactement cette période, et rien de plus fin.",
  log: "Tout est inscrit dans le journal public.",
  slot: "Le compteur s’est engagé sur chaque relevé.",
};

export const frCodes: typeof enCodes = {
  problems: { ...device, ...others },
  findings,
  links,
};
