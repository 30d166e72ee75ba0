"""Operations on a photo library: index, edit, reject, restore, recover."""
