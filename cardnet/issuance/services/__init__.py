"""What other packages and pages may ask of issuance: every name that stands here, and no other."""

from cardnet.issuance.services.activation import (
    ActivateCard,
    Activation,
    ActivationRefused,
    RebindCard,
    Renewal,
    RenewCredential,
    activate_card,
    rebind_card,
    renew_credential,
)
from cardnet.issuance.services.allocation import (
    AllocateMany,
    AllocationPlan,
    Share,
    Spread,
    SpreadQuota,
    allocate_many,
    preview_allocation,
    spread_quota,
)
from cardnet.issuance.services.applying import (
    ApplyForRenewal,
    ApplyForReplacement,
    apply_for_renewal,
    apply_for_replacement,
    cards_to_renew,
)
from cardnet.issuance.services.authority import MOST_BYTES as MOST_ORIGINAL_BYTES
from cardnet.issuance.services.authority import (
    AuthorityView,
    NewAuthority,
    Original,
    authorities,
    authority_of,
    original_of,
    record_authority,
)
from cardnet.issuance.services.batches import (
    batch_of,
    names_of_batches,
    original_rows,
)
from cardnet.issuance.services.card_life import CardLifeView, SetCardLife, card_lives, set_card_life
from cardnet.issuance.services.cards import (
    CardView,
    ChangeCard,
    FollowTransfer,
    card_of_number,
    cards_of_person,
    follow_transfer,
    numbers_of_cards,
)
from cardnet.issuance.services.consenting import answer_own
from cardnet.issuance.services.copies import StopCopiedCode, recycle_indexes, stop_copied_code
from cardnet.issuance.services.correction import (
    CORRECTED,
    Corrected,
    CorrectRow,
    correct_row,
)
from cardnet.issuance.services.counts import CardCounts, UnionCounts, activations_by_week, card_counts, counts_beside
from cardnet.issuance.services.deadlines import (
    FreezeReview,
    LiftFreeze,
    RecordDays,
    SetTerm,
    escalate_overdue,
    freeze_over,
    freeze_review,
    freezes,
    lift_freeze,
    record_days,
    set_term,
    terms_of,
)
from cardnet.issuance.services.delegation import (
    EndDelegation,
    GiveDelegation,
    delegations,
    end_delegation,
    give_delegation,
    stand_in,
    stands_in_for,
)
from cardnet.issuance.services.handing import HandOutCards, hand_out_cards
from cardnet.issuance.services.handouts import (
    HandoutView,
    OnePerson,
    OpenHandout,
    Scan,
    Scanned,
    SignAllExcept,
    close_handout,
    handout_of,
    handouts,
    open_handout,
    sign_all_except,
    sign_by_hand,
    sign_by_scan,
    take_back,
)
from cardnet.issuance.services.in_place import (
    Applied,
    ResubmitInPlace,
    open_application_of,
    replaced_by,
    resubmit_in_place,
)
from cardnet.issuance.services.issue import (
    Issue,
    IssueCards,
    IssuedCard,
)
from cardnet.issuance.services.letters import (
    ActivationFigures,
    InactiveCard,
    MakeLetters,
    Remind,
    Reminded,
    activation_figures,
    inactive_cards,
    make_letters,
    remind,
    reprint_code,
)
from cardnet.issuance.services.losing import (
    Lost,
    ReportLoss,
    ReportLossByDocument,
    report_loss,
    report_loss_by_document,
    resume_card,
    revoke_card,
    suspend_card,
)
from cardnet.issuance.services.loss_policy import (
    LossPolicyView,
    SetLossPolicy,
    hold_stands,
    loss_policy,
    set_loss_policy,
)
from cardnet.issuance.services.member_file import applications_of_people
from cardnet.issuance.services.moving import (
    accept_transfer,
    confirm_members,
    end_membership,
    merge_people,
    release_due_transfers,
    transfer_member,
)
from cardnet.issuance.services.offers import (
    Answered,
    AnswerOffers,
    Lapsed,
    SetPriority,
    WaitingLine,
    accept_offers,
    decline_offers,
    lapse_overdue,
    set_offer_days,
    set_priority,
    waiting_list,
)
from cardnet.issuance.services.own_print import StopOwnPrint, has_live_print, stop_own_print
from cardnet.issuance.services.phones import (
    PhonePolicyView,
    SetPhonePolicy,
    StopPhone,
    phone_policy,
    phones_of,
    set_phone_policy,
    stop_phone,
)
from cardnet.issuance.services.printing import (
    PrintCards,
    PrintCount,
    PrintedCard,
    VoidPrints,
    note_printed_use,
    print_cards,
    print_counts,
    print_runs,
    void_prints,
)
from cardnet.issuance.services.proving import (
    AskBinding,
    BindingStanding,
    RenewByProof,
    binding_standing,
    renew_by_proof,
)
from cardnet.issuance.services.quota import (
    GrantQuota,
    MoveQuota,
    ReturnQuota,
    UseQuota,
    allocate_quota,
    grant_quota,
    return_quota,
    transfer_quota,
    use_quota,
)
from cardnet.issuance.services.raises import (
    AskForMore,
    DecideRaise,
    RaiseView,
    approve_raise,
    ask_for_more,
    may_see_authority,
    raises,
    refuse_raise,
    withdraw_raise,
)
from cardnet.issuance.services.rebinding import (
    AskRebindCode,
    GivenCode,
    GiveRebindCode,
    ask_rebind_code,
    give_rebind_code,
)
from cardnet.issuance.services.recall import Recalled, RecallQuota, SetRecallDate, recall_quota, set_recall_date
from cardnet.issuance.services.received import Received, received_by
from cardnet.issuance.services.renewing import issue, issue_cards
from cardnet.issuance.services.reorganising import (
    Merged,
    MergeUnion,
    Moved,
    close_union,
    facts_of_union,
    merge_union,
    move_union,
)
from cardnet.issuance.services.replacing import (
    RenewCards,
    ReplaceCard,
    is_desk_above,
    renew_cards,
    replace_card,
    start_renewed_card,
)
from cardnet.issuance.services.review import (
    Review,
    ReviewOpen,
    ReviewReceipt,
    review,
    review_open,
)
from cardnet.issuance.services.roster import CheckRoster, RosterReceipt, SubmitRoster, check_roster, submit_roster
from cardnet.issuance.services.roster_rows import kept_roster
from cardnet.issuance.services.standing import (
    STANDING,
    bound_keys,
    holder_confirms,
    standing_from,
    standing_of,
    standing_parameters,
)
from cardnet.issuance.services.tree import QuotaLine, quota_line, quota_tree
from cardnet.issuance.services.tying import TieCard, tie_card
from cardnet.issuance.services.union_facts import UnionFacts
from cardnet.issuance.services.unit_approval import (
    ApprovalList,
    AskApproval,
    Asked,
    DecideByLink,
    UnitApproved,
    UploadStamped,
    WithdrawApproval,
    approval_by_link,
    approval_list,
    approvals_of_batch,
    ask_approval,
    awaiting_unit_approval,
    decide_by_link,
    list_to_sign,
    note_own_link,
    officers_of_units,
    stamped_file,
    upload_stamped,
    withdraw_approval,
)
from cardnet.issuance.services.withdrawal import (
    Withdraw,
    Withdrawn,
    lapse_returned,
    withdraw,
)
from cardnet.issuance.services.withdrawn import withdrawn_at
from cardnet.issuance.services.year_end import (
    BeginClosing,
    CloseYear,
    YearEnd,
    YearsShown,
    YearView,
    begin_closing,
    close_due_years,
    close_year,
    preview_year_end,
    quota_year_of,
    years,
    years_shown,
)
