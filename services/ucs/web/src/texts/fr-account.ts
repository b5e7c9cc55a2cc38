/** Les mots français autour du compte : connexion, création, compteur, secours, foyer, réglages. */
import type { enAccount } from "./en-account.ts";

export const frAccount: typeof enAccount = {
  login: {
    title: "Se connecter",
    lead: "Voyez ce que vous consommez, ce que cela coûte et qui a vu quoi.",
    submit: "Se connecter",
    canTitle: "Ce que ce portail peut voir, et ce qu’il ne peut pas",
    can: "Le portail conserve vos relevés scellés ; il sait quand ils arrivent et qui les consulte. Il ne voit jamais leur contenu ni votre mot de passe : seul cet appareil les ouvre, avec des clés que le portail n’a pas.",
    noAccount: "Pas encore de compte ?",
    signUp: "Créer un compte",
    forgotten: "Mot de passe oublié ?",
    recover: "Utiliser votre clé de secours",
    unlockTitle: "Verrouillé",
    unlockLead: (name) =>
      `Les clés et les relevés de ${name} ont été oubliés sur cet appareil. Votre mot de passe les ouvre à nouveau.`,
    unlock: "Déverrouiller",
    other: "Se connecter avec un autre identifiant",
    ended: "Le portail a mis fin à votre session ; cette page a donc été verrouillée.",
    goodbye: "Vous êtes déconnecté. Cette page a oublié vos clés et vos relevés.",
    deleted: "Votre compte est supprimé. Cette page a oublié vos clés et vos relevés.",
  },

  signUp: {
    title: "Créer un compte",
    steps: ["Identifiant et mot de passe", "Clé de secours", "Essai", "Votre compteur"],
    lead: "Votre mot de passe fabrique les clés sur cet appareil. Il n’en sort jamais : personne ne pourra donc vous en envoyer un nouveau.",
    submit: "Créer mes clés",
    keyTitle: "Votre clé de secours",
    keyLead:
      "Si vous oubliez votre mot de passe, seule cette clé rouvre vos relevés. Elle n’est affichée qu’une fois. Notez-la ou imprimez-la, et rangez-la avec vos papiers importants.",
    keyFile: "Mon électricité : clé de secours",
    keyFileName: "cle-de-secours.txt",
    keyWritten: "Je l’ai conservée",
    drillTitle: "Essayez votre clé de secours",
    drillLead:
      "Saisissez-la d’après votre note : une clé qu’on ne peut pas relire ne servirait à rien.",
    drillField: "D’après votre note",
    drillSubmit: "Créer mon compte",
  },

  enrol: {
    title: "Connecter votre compteur",
    known: "Confirmer votre compteur",
    lead: "Le numéro et le code figurent dans le courrier de votre fournisseur. Le code reste sur cet appareil : il vous prouve que les clés viennent de votre propre compteur, et prouve au compteur que vous avez le droit de le lire.",
    knownLead:
      "Ce compte n’a pas encore la clé de votre compteur. Le code de votre courrier la confirme, et reste sur cet appareil.",
    submit: "Connecter",
    waiting: "En attente de votre compteur",
    waitingLead:
      "Votre compteur relève ses messages environ une fois par minute. Il vérifie le code, puis envoie sa clé, scellée pour vous. Vous pouvez laisser cette page ouverte ; cela prend d’ordinaire une minute ou deux.",
    stop: "Ne plus attendre",
    other: "Quelqu’un de mon foyer a connecté le compteur",
    joinTitle: "Rejoindre un foyer",
    joinLead:
      "La personne qui a connecté le compteur peut vous inviter, à la page « Foyer ». Saisissez l’invitation ici.",
    join: "Rejoindre",
    invitedBack: "J’ai un courrier avec un code",
    done: "Votre compteur est connecté.",
    takenOver: (when) =>
      `Un autre compte a été connecté à votre compteur le ${when}. Si ce n’est personne de votre foyer, appelez votre fournisseur.`,
    takenOverTitle: "Quelqu’un d’autre a connecté votre compteur",
  },

  recover: {
    title: "Mot de passe oublié",
    lead: "Votre clé de secours ouvre vos relevés, et vous choisissez un nouveau mot de passe. Relevés et factures restent tels quels.",
    submit: "Enregistrer le nouveau mot de passe",
    lockout:
      "Après cinq essais infructueux, l’identifiant est bloqué pendant 15 minutes, quel que soit l’auteur des essais. Rien n’est perdu pour autant.",
    noKey:
      "Sans mot de passe ni clé de secours, personne ne peut ouvrir vos relevés, pas même nous. Vous pourrez alors créer un nouveau compte avec un nouveau courrier de votre fournisseur ; votre compteur garde pour vous les relevés du contrat en cours.",
  },

  household: {
    title: "Foyer",
    lead: "Toutes les personnes du foyer voient les mêmes relevés et factures, chacune avec son propre mot de passe.",
    persons: "Qui a accès",
    you: "vous",
    first: "a connecté le compteur",
    since: (day) => `depuis le ${day}`,
    end: "Retirer l’accès",
    endTitle: (name) => `Retirer l’accès de ${name} ?`,
    endText:
      "Dès lors, le portail ne donne plus rien à cette personne. Ce qu’elle a lu ou enregistré, elle le garde.",
    leave: "Quitter le foyer",
    leaveText: "Dès lors, vous ne verrez plus rien de ce foyer.",
    invite: "Inviter quelqu’un",
    inviteText:
      "L’invitation ouvre vos relevés. Ne la donnez qu’à la personne que vous voulez inviter, en main propre ou par téléphone ; pas par ce portail.",
    invitation: "Invitation",
    inviteUntil: (when) => `Affichée une seule fois. Valable jusqu’au ${when}.`,
    waiting: "Invitations en attente",
    withdraw: "Retirer",
    expires: (when) => `valable jusqu’au ${when}`,
    openedBy: (name) => `ouverte par ${name}`,
    events: "Ce qui s’est passé",
    eventTexts: {
      "enrolment-accepted": "a connecté le compteur",
      "enrolment-ended": "a perdu l’accès : un autre compte a été connecté au compteur",
      "data-exported": "a demandé à l’exploitant une copie des données conservées",
      "invitation-made": "a créé une invitation",
      "invitation-opened": "a ouvert une invitation",
      "invitation-withdrawn": "a retiré une invitation",
      "household-joined": "a rejoint le foyer",
      "household-left": "a quitté le foyer, ou en a été retiré",
      "readings-fetched": "a consulté les relevés",
    },
    noEvents: "Rien pour l’instant.",
    alone: "Vous seul avez accès.",
  },

  settings: {
    title: "Réglages",
    appearance: "Langue et apparence",
    lockTitle: "Verrouillage",
    lockLead: "Sans activité, cette page oublie les clés et les relevés au bout d’un moment.",
    lockAfter: "Verrouiller après",
    minutes: (count) => `${count} min`,
    password: "Changer de mot de passe",
    passwordLead:
      "Seul le verrou de vos clés change ; relevés, factures et clé de secours restent. Les autres appareils devront se reconnecter.",
    passwordDone: "Le mot de passe est changé.",
    drill: "Essayer ma clé de secours",
    drillLead: "Vérifie que la clé de votre note ouvre toujours votre compte. Rien n’est modifié.",
    drillSubmit: "Essayer",
    drillDone: "Elle ouvre votre compte. Gardez-la précieusement.",
    device: "Un autre appareil",
    deviceText:
      "Ouvrez cette adresse sur l’autre appareil et connectez-vous avec le même identifiant et le même mot de passe. Clés et compteurs suivent, scellés ; il ne vous faut ni courrier ni clé de secours.",
    out: "Se déconnecter",
    outText: "Met fin à la session et fait oublier à cette page les clés et les relevés.",
    deleteTitle: "Supprimer le compte",
    deleteLead:
      "C’est irréversible : sans vos clés, personne ne peut ouvrir ce qui a été scellé pour vous.",
    deleted: "Supprimé aussitôt",
    deletedItems: [
      "votre identifiant, votre mot de passe et votre clé de secours sur le portail",
      "les clés de vos relevés scellées pour vous ; celles des autres personnes du foyer restent",
      "vos factures scellées sur le portail et vos invitations",
    ],
    remains: "Ce qui reste, et pourquoi",
    keptDays: (days) => `${days} jours`,
    keptOpen: "sans terme fixe",
    facts: {
      "sealed-frames":
        "vos relevés scellés sur le portail ; sans vos clés, personne ne peut les ouvrir",
      "deletion-entry":
        "une note indiquant que le compte a existé et a été supprimé, pour déceler les abus",
      "readings-and-keys": "les relevés dans votre compteur, jusqu’à leur remplacement",
      statements: "vos factures chez votre fournisseur : la loi l’oblige à les conserver",
      contract: "votre contrat, au registre et chez votre fournisseur",
      contributions: "votre part dans les sommes, chiffrée, que personne ne peut ouvrir seul",
      "release-ledger":
        "quelles sommes ont été divulguées, sans valeurs, pour que rien ne le soit deux fois",
      backups: "les sauvegardes du portail, jusqu’à leur remplacement ; tout y est scellé",
    },
    deleteType: (word) => `Saisissez ${word} pour continuer`,
    deleteWord: "SUPPRIMER",
    deleteSubmit: "Supprimer mon compte",
  },
};
