//! The two terminal programs in use, against the real server, which is stopped on the way.

use crate::support::{Program, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_and_a_control_desk_talk() {
    let mut world = World::start().await;
    let mut control = world.control_desk();
    control.shows("Jane Smith (CONTROL_STAFF)").await;
    control.shows("-- live").await;
    let mut driver = world.driver();
    driver.shows("-- live").await;
    driver.types("hello").await;
    driver.shows("no conversation is open, so nothing was sent").await;

    driver.types("/new Detour: The bridge is closed.").await;
    driver.shows("✓ created [1] Support: Detour").await;
    driver.shows("== [1] Support: Detour, with Jane Smith").await;
    driver.shows("you: The bridge is closed. ✓").await;
    control.shows("** John Doe asks for help: [1] Support: Detour").await;
    control.shows("[1] Support: Detour | ").await;
    control.types("/list").await;
    control.shows("   [1] Support: Detour, 1 unread | ").await;
    control.types("/open 1").await;
    control.shows("== [1] Support: Detour").await;
    driver.shows("✓✓ Jane Smith has read it").await;

    control.types("/typing").await;
    driver.shows("… Jane Smith is typing").await;
    control.types("Take the ring road.").await;
    driver.shows("Jane Smith: Take the ring road.").await;
    driver.has_not_shown("has stopped typing");
    control.shows("you: Take the ring road. ✓").await;
    control.shows("✓✓ John Doe has read it").await;

    world.stop().await;
    driver.shows("-- no connection (").await;
    driver.types("I am in the tunnel.").await;
    driver.shows("… waits for a connection: I am in the tunnel.").await;
    driver.kill().await;
    let mut driver = world.driver();
    driver.shows("… waits from last time: I am in the tunnel.").await;
    driver.shows("-- no connection (").await;
    driver.types("/list").await;
    driver.shows("   the list has not come yet").await;
    driver.shows("… waits to be sent: I am in the tunnel.").await;
    world.go_on().await;
    driver.shows("-- live").await;
    driver.shows("[1] Support: Detour | ").await;
    control.shows("-- live").await;
    control.shows("John Doe: I am in the tunnel.").await;

    driver.types("/open 1").await;
    driver.shows("Jane Smith: Take the ring road.").await;
    driver.shows("you: I am in the tunnel. ✓").await;
    driver.types("/quit").await;
    driver.says_goodbye().await;
    control.hears_no_more();
    control.says_goodbye().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_taken_and_resolved_at_a_desk() {
    let world = World::start().await;
    let mut control = world.control_desk();
    control.shows("-- live").await;
    control.types("/take").await;
    control.shows("no conversation is open").await;
    let mut driver = world.driver();
    driver.types("/new Detour: The bridge is closed.").await;
    driver.shows("you: The bridge is closed. ✓").await;
    control.shows("[1] Support: Detour | ").await;
    control.types("/open 1").await;
    control.shows("== [1] Support: Detour").await;
    control.types("/take").await;
    control.shows("✓ the conversation is TAKEN now").await;
    driver.shows("Jane Smith has taken this conversation.").await;
    control.types("/take").await;
    control.shows("✗ /take: The conversation was changed meanwhile: ").await;
    control.types("/resolve").await;
    control.shows("✓ the conversation is RESOLVED now").await;
    driver.shows("Jane Smith has resolved this conversation.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_seen_first_by_whoever_is_in_another_room() {
    let world = World::start().await;
    let mut control = world.control_desk();
    control.shows("-- live").await;
    control.types("/room regulator").await;
    control.shows("-- Joined regulator support room successfully").await;
    let mut driver = world.driver();
    driver.types("/emergency Accident: Nobody is hurt.").await;
    driver.shows("✓ created !! [1] EMERGENCY Support: Accident").await;
    control.shows("** John Doe asks for help: !! [1] EMERGENCY Support: Accident").await;
    driver.types("/new Detour: The bridge is closed.").await;
    driver.shows("✓ created [2] Support: Detour").await;
    control.shows("!! [1] EMERGENCY Support: Accident | ").await;
    control.shows("[2] Support: Detour | ").await;
    control.types("/list").await;
    control.shows("!! [1] EMERGENCY Support: Accident, 1 unread").await;
    control.shows("   [2] Support: Detour, 1 unread").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_is_ended_at_a_desk_and_another_withdrawn_by_its_driver() {
    let world = World::start().await;
    let mut control = world.control_desk();
    control.shows("-- live").await;
    let mut driver = world.driver();
    driver.types("/withdraw").await;
    driver.shows("no conversation is open").await;
    driver.types("/emergency Accident: Send help.").await;
    driver.shows("you: Send help. ✓").await;
    control.shows("!! [1] EMERGENCY Support: Accident | ").await;
    control.types("/open 1").await;
    control.shows("== !! [1] EMERGENCY Support: Accident").await;
    control.types("/take").await;
    driver.shows("Jane Smith has taken this conversation.").await;
    driver.types("/withdraw").await;
    driver.shows("✗ The conversation was changed meanwhile: control_1 has it").await;
    control.types("/end well").await;
    control.shows("there is no such reason").await;
    control.types("/end false_alarm").await;
    control.shows("✓ the emergency is over").await;
    driver.shows("Jane Smith has ended this emergency: false alarm.").await;
    driver.types("/emergency Accident: Once more.").await;
    driver.shows("== !! [2] EMERGENCY Support: Accident").await;
    driver.types("/withdraw").await;
    driver.shows("✓ the emergency is over").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_answers_an_order_of_a_desk() {
    let world = World::start().await;
    let mut control = world.control_desk();
    control.shows("-- live").await;
    let mut driver = world.driver();
    driver.types("/answer 1").await;
    driver.shows("no order is open").await;
    driver.types("/new Detour: The bridge is closed.").await;
    driver.shows("you: The bridge is closed. ✓").await;
    control.shows("[1] Support: Detour | ").await;
    control.types("/order Turn back").await;
    control.shows("nothing was sent: write it as /order ANSWER/ANSWER: TEXT").await;
    control.types("/open 1").await;
    control.shows("== [1] Support: Detour").await;
    control.types("/order Understood/Not possible: Turn back.").await;
    control.shows("✓ the order is sent").await;
    driver.shows("Jane Smith: Turn back.").await;
    driver.shows("   ? 1 Understood, 2 Not possible (until ").await;
    driver.types("/answer one").await;
    driver.shows("which answer?").await;
    driver.types("/answer 2").await;
    driver.shows("✓ control has your answer").await;
    control.shows("John Doe has answered: Not possible").await;
    control.types("/note Ask the depot for a spare bus.").await;
    control.shows("note by you: Ask the depot for a spare bus.").await;
    driver.types("/answer 1").await;
    driver.shows("✗ the answer was not taken: This order was answered before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_shown_page_by_page() {
    let world = World::start().await;
    let mut driver = world.driver();
    driver.types("/new Stops: stop 1").await;
    driver.shows("you: stop 1 ✓").await;
    for stop in 2..=45 {
        driver.types(&format!("stop {stop}")).await;
    }
    driver.shows("you: stop 45 ✓").await;
    driver.types("/open 1").await;
    driver.shows("   (25 older: /older)").await;
    assert!(driver.shows("you: stop ").await.contains("stop 26 "));
    driver.types("/older").await;
    driver.shows("== the 20 messages before").await;
    assert!(driver.shows("you: stop ").await.contains("stop 6 "));
    driver.shows("== /older shows more").await;
    driver.types("/older").await;
    driver.shows("== the 5 messages before").await;
    driver.shows("== the beginning").await;
    driver.types("/older").await;
    driver.shows("-- there is nothing older").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_wrong_is_not_sent_but_answered() {
    let world = World::start().await;
    let mut driver = world.driver();
    driver.shows("   there is no conversation yet").await;
    for (typed, answer) in [
        (
            "/nwe Detour: closed",
            "there is no /nwe, so nothing was sent. The commands are /new /emergency /answer /withdraw /list",
        ),
        ("/new Detour", "nothing was sent: write it as /new TITLE: TEXT"),
        ("/open 7", "there is no conversation 7: see /list"),
        ("/older", "no conversation is open"),
        ("/help", "/emergency TITLE: TEXT"),
        ("/list", "   there is no conversation yet"),
    ] {
        driver.types(typed).await;
        driver.shows(answer).await;
    }
    let mut control = world.control_desk();
    control.types("/room kitchen").await;
    control.shows("there is no such room: /room general, emergency, driver or regulator").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_ends_the_attempts_and_says_why() {
    let world = World::start().await;
    let mut driver = world.driver_with("another secret of at least 32 bytes!");
    driver.shows("-- stopped (the server refuses this client: not authenticated").await;
    driver.types("/quit").await;
    driver.says_goodbye().await;
}

#[tokio::test]
async fn what_is_no_token_is_said_in_words() {
    let said = Program::fails(env!("CARGO_BIN_EXE_driver"), "nonsense").await;
    assert!(said.starts_with("Error: not a token of the chat"), "{said}");
}
