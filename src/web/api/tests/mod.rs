//! The interface for programs through a real port.

mod authz;
mod contract;
mod described;
mod founding;
mod hot;
mod threats;
mod world;

use super::List;

#[test]
fn a_list_goes_on_only_where_more_follows() {
    let page = List::page(vec![1, 2, 3], 2, ToString::to_string);
    assert_eq!(page.items, [1, 2]);
    assert_eq!(page.next, Some(crate::web::extract::encode_cursor("2")));
    assert_eq!(List::page(vec![1, 2], 2, ToString::to_string).next, None);
}
